import {useLocation} from 'preact-iso';
import {useLoad, usePages} from '../api/hooks';
import type {Job, RunStatus, RunSummary} from '../api/types';
import {to} from '../routes';
import {Select} from '../ui/Field';
import {PageHead} from '../ui/Page';
import {Empty, Listed} from '../ui/States';
import {RunRows} from './RunRows';

const statuses: RunStatus[] = ['queued', 'running', 'passed', 'failed', 'error', 'timeout', 'cancelled', 'lost'];

/// All runs. The filters stand in the address, so that they can be bookmarked and sent.
export function Runs() {
    const {query, route} = useLocation();
    const jobs = useLoad<{jobs: Job[]}>('/api/jobs?limit=200');
    const jobId = query['jobId'] ?? '';
    const status = query['status'] ?? '';
    const filters = new URLSearchParams();
    if (jobId) filters.set('jobId', jobId);
    if (status) filters.set('status', status);
    const pages = usePages<RunSummary>(`/api/runs?limit=50${filters.size ? `&${filters}` : ''}`, 'runs', 3000);

    const choose = (name: string, value: string) => {
        const next = new URLSearchParams(filters);
        if (value) next.set(name, value);
        else next.delete(name);
        route(`${to.runs}${next.size ? `?${next}` : ''}`, true);
    };
    const known = jobs.data?.jobs ?? [];
    return (
        <>
            <PageHead title="Runs" />
            <div class="filters" role="group" aria-label="Filters">
                <Select
                    label="Job"
                    value={jobId}
                    onValue={(value) => choose('jobId', value)}
                    options={[['', 'All jobs'], ...known.map((job) => [job.id, job.name] as const), ...(jobId && !known.some((job) => job.id === jobId) ? [[jobId, jobId] as const] : [])]}
                />
                <Select label="Verdict" value={status} onValue={(value) => choose('status', value)} options={[['', 'Any'], ...statuses.map((one) => [one, one] as const)]} />
            </div>
            <Listed
                pages={pages}
                what="runs"
                empty={
                    filters.size > 0 ? (
                        <Empty title="No run is like this">
                            <p>
                                <a href={to.runs}>Show all runs</a>
                            </p>
                        </Empty>
                    ) : (
                        <Empty title="Nothing has run yet">
                            <p>
                                Runs appear here as soon as a pipeline triggers one of the <a href={to.jobs}>jobs</a>.
                            </p>
                        </Empty>
                    )
                }
            >
                {(runs) => <RunRows runs={runs} />}
            </Listed>
        </>
    );
}

import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction, useLoad} from '../api/hooks';
import type {Job, Schedule} from '../api/types';
import {cronWords, tickText, ticksAfter} from '../cron';
import {to} from '../routes';
import {useMay} from '../session';
import {Collection} from '../ui/Collection';
import {CreateButton} from '../ui/Create';
import {Confirm} from '../ui/Dialog';
import {Answered, Refusal} from '../ui/States';
import {Time} from '../ui/Time';
import {useToast} from '../ui/Toast';
import {ScheduleForm} from './ScheduleForm';

/// When the job runs by itself.
export function Schedules({job}: {job: Job}) {
    const loaded = useLoad<{schedules: Schedule[]}>(`/api/jobs/${job.id}/schedules`, 10_000);
    const mayEdit = useMay('editor');
    const [editing, setEditing] = useState<Schedule | 'new' | null>(null);
    const [deleting, setDeleting] = useState<Schedule | null>(null);
    const say = useToast();
    const create = mayEdit && <CreateButton onClick={() => setEditing('new')}>New schedule</CreateButton>;
    return (
        <>
            <Answered loaded={loaded} what="schedules">
                {({schedules}) => (
                    <Collection
                        items={schedules}
                        kind="schedules"
                        emptyTitle="No schedules"
                        emptyText="A schedule starts the job by itself, at the times that a cron expression names, by the clocks of a time zone."
                        note={job.paused ? 'The job is paused: its schedules make no runs until it is resumed.' : 'The server starts the job at these times by itself.'}
                        create={create}
                    >
                        {(schedule) => <Row key={schedule.id} schedule={schedule} mayEdit={mayEdit} reload={loaded.reload} onEdit={() => setEditing(schedule)} onDelete={() => setDeleting(schedule)} />}
                    </Collection>
                )}
            </Answered>
            {editing && (
                <ScheduleForm
                    jobId={job.id}
                    existing={editing === 'new' ? undefined : editing}
                    onClose={() => setEditing(null)}
                    onDone={() => {
                        say(editing === 'new' ? 'The schedule is set' : 'Saved');
                        setEditing(null);
                        loaded.reload();
                    }}
                />
            )}
            {deleting && (
                <Confirm
                    title={`Delete the schedule ${deleting.cron}?`}
                    verb="Delete schedule"
                    danger
                    onClose={() => setDeleting(null)}
                    action={async () => {
                        await api('DELETE', `/api/jobs/${job.id}/schedules/${deleting.id}`);
                        say('The schedule is deleted');
                        loaded.reload();
                    }}
                >
                    <p>
                        {job.name} is no longer started {inWords(deleting)}. Runs that it has started stay. To stop it for a while, pause it instead.
                    </p>
                </Confirm>
            )}
        </>
    );
}

const inWords = (schedule: Schedule) => (cronWords(schedule.cron) ?? schedule.cron).replace(/^[AE](?=t |very )/, (letter) => letter.toLowerCase());

function Row({schedule, mayEdit, reload, onEdit, onDelete}: {schedule: Schedule; mayEdit: boolean; reload: () => void; onEdit: () => void; onDelete: () => void}) {
    const say = useToast();
    const pause = useAction(async () => {
        await api('PATCH', `/api/jobs/${schedule.jobId}/schedules/${schedule.id}`, {body: {paused: !schedule.paused}});
        say(schedule.paused ? 'Resumed' : 'Paused: it starts nothing until it is resumed');
        reload();
    });
    const next = schedule.nextAt ? new Date(schedule.nextAt) : null;
    const ticks = next ? [next, ...ticksAfter(schedule.cron, schedule.timeZone, next, 2)] : [];
    return (
        <li class={schedule.paused ? 'resting' : undefined}>
            <div class="main">
                <span class="name">{cronWords(schedule.cron) ?? schedule.cron}</span> {schedule.paused && <span class="tag warn">paused</span>}
                <p class="muted small">
                    <code>{schedule.cron}</code> · {schedule.timeZone} · a missed time {schedule.onMissed === 'skip' ? 'is left out' : 'is made up for once'}
                </p>
            </div>
            <dl class="pairs small">
                <div>
                    <dt>Next</dt>
                    {ticks.length === 0 && <dd>none</dd>}
                    {ticks.map((tick, i) => (
                        <dd key={i} class={i > 0 ? 'muted' : undefined}>
                            <time dateTime={tick.toISOString()}>{tickText(tick, schedule.timeZone)}</time>
                        </dd>
                    ))}
                </div>
                <div>
                    <dt>Last</dt>
                    <dd>
                        <Time at={schedule.lastTickAt} />
                    </dd>
                    <dd>
                        <Outcome schedule={schedule} />
                    </dd>
                </div>
            </dl>
            {mayEdit && (
                <div class="do">
                    <button type="button" disabled={pause.busy} onClick={() => void pause.run()} aria-label={`${schedule.paused ? 'Resume' : 'Pause'} ${schedule.cron}`}>
                        {schedule.paused ? 'Resume' : 'Pause'}
                    </button>
                    <button type="button" onClick={onEdit} aria-label={`Edit ${schedule.cron}`}>
                        Edit
                    </button>
                    <button type="button" class="danger" onClick={onDelete} aria-label={`Delete ${schedule.cron}`}>
                        Delete
                    </button>
                </div>
            )}
            <Refusal error={pause.error} />
        </li>
    );
}

/// Why a tick made no run, where its code does not say it by itself.
const reasons: Record<string, string> = {
    missed: 'missed, left out',
    coalesced: 'joined a waiting run',
    JOB_PAUSED: 'no run: the job was paused',
    JOB_EMPTY: 'no run: the job had no tests',
    JOB_BUSY: 'no run: the job was busy',
    QUEUE_FULL: 'no run: the queue was full',
};

function Outcome({schedule}: {schedule: Schedule}) {
    const {lastOutcome, lastRunId} = schedule;
    if (!lastOutcome) return null;
    const text = reasons[lastOutcome] ?? (lastOutcome === 'run' ? 'made a run' : `no run: ${lastOutcome}`);
    if (lastRunId) return <a href={to.run(lastRunId)}>{text}</a>;
    return <span class={lastOutcome === 'run' ? undefined : 'tag warn'}>{text}</span>;
}

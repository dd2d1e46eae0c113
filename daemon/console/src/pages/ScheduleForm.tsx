import {useId, useMemo, useState} from 'preact/hooks';
import {api} from '../api/client';
import type {Schedule, ScheduleSettings} from '../api/types';
import {cronWords, ownZone, tickText, ticksAfter, zones} from '../cron';
import {FormDialog, faultOf} from '../ui/Dialog';
import {Check, Input, Select} from '../ui/Field';
import {changesOf} from '../ui/changes';

const samples = [
    ['0 3 * * *', 'every day'],
    ['0 7 * * 1-5', 'Monday to Friday'],
    ['0 3 * * 1', 'every week'],
    ['0 3 1 * *', 'every month'],
    ['0 * * * *', 'every hour'],
    ['*/15 * * * *', 'every 15 minutes'],
    ['', 'at times of my own'],
] as const;
type Sample = (typeof samples)[number][0];

const missed = [
    ['run-once', 'start one run as soon as possible'],
    ['skip', 'leave it out'],
] as const;

/// Makes a schedule, or changes one; only what differs is sent.
export function ScheduleForm({jobId, existing, onClose, onDone}: {jobId: string; existing?: Schedule; onClose: () => void; onDone: () => void}) {
    const list = useId();
    const [cron, setCron] = useState(existing?.cron ?? '0 3 * * *');
    const [timeZone, setTimeZone] = useState(existing?.timeZone ?? ownZone());
    const [onMissed, setOnMissed] = useState<ScheduleSettings['onMissed']>(existing?.onMissed ?? 'run-once');
    const [paused, setPaused] = useState(existing?.paused ?? false);
    const known = useMemo(zones, []);
    const sample: Sample = samples.find(([text]) => text === cron)?.[0] ?? '';

    const save = async () => {
        const body = changesOf<ScheduleSettings>({cron: cron.trim(), timeZone: timeZone.trim(), onMissed, paused}, existing);
        await (existing ? api('PATCH', `/api/jobs/${jobId}/schedules/${existing.id}`, {body}) : api('POST', `/api/jobs/${jobId}/schedules`, {body}));
        onDone();
    };
    return (
        <FormDialog title={existing ? 'Edit schedule' : 'New schedule'} verb={existing ? 'Save' : 'Create schedule'} action={save} onClose={onClose}>
            {(error) => (
                <>
                    <Select label="How often" value={sample} options={samples} onValue={(value) => setCron(value || cron)} />
                    <Input
                        label="Cron expression"
                        class="mono"
                        required
                        maxLength={200}
                        autofocus
                        spellcheck={false}
                        hint="Minute, hour, day of the month, month, day of the week; * is any, 1-5 a range, */15 every fifteenth"
                        value={cron}
                        onValue={setCron}
                        fault={faultOf(error, 'cron')}
                    />
                    <Input label="Time zone" required list={list} maxLength={64} spellcheck={false} value={timeZone} onValue={setTimeZone} fault={faultOf(error, 'timeZone')} />
                    <datalist id={list}>
                        {known.map((name) => (
                            <option key={name} value={name} />
                        ))}
                    </datalist>
                    <Preview cron={cron} timeZone={timeZone.trim()} />
                    <Select label="A time that was missed" hint="By more than a minute, for example because the server was down" value={onMissed} options={missed} onValue={setOnMissed} />
                    <Check label="Paused" hint="It starts nothing until it is resumed" checked={paused} onValue={setPaused} />
                </>
            )}
        </FormDialog>
    );
}

function Preview({cron, timeZone}: {cron: string; timeZone: string}) {
    const words = cronWords(cron);
    const ticks = words ? ticksAfter(cron, timeZone, new Date(), 3) : [];
    return (
        <div class="preview" role="status">
            <strong>{words ?? 'Five fields, please: this is not understood'}</strong>
            {ticks.length > 0 && (
                <ol class="small muted" aria-label="Next times">
                    {ticks.map((tick) => (
                        <li key={tick.getTime()}>{tickText(tick, timeZone)}</li>
                    ))}
                </ol>
            )}
        </div>
    );
}

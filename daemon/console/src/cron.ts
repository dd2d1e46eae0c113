// What a cron expression means, in words and days, for people who write one. The server alone decides when a run starts:
// these libraries only help to see a slip before it is saved.
import {Cron} from 'croner';
import cronstrue from 'cronstrue';

/// Nothing of what these libraries know beyond the five fields of crontab(5).
const plain = /^\s*[0-9A-Za-z*,/-]+(\s+[0-9A-Za-z*,/-]+){4}\s*$/;

export function cronWords(cron: string): string | null {
    if (!plain.test(cron)) return null;
    try {
        return cronstrue.toString(cron, {use24HourTimeFormat: true});
    } catch {
        return null;
    }
}

/// The next ticks after `after`, at most `count`; none when the expression or the zone is not understood.
export function ticksAfter(cron: string, timeZone: string, after: Date, count: number): Date[] {
    if (!plain.test(cron)) return [];
    try {
        return new Cron(cron.trim(), {timezone: timeZone, paused: true}).nextRuns(count, after);
    } catch {
        return [];
    }
}

/// A tick as the clocks of its zone show it.
export function tickText(tick: Date, timeZone: string): string {
    const form = {weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23'} as const;
    try {
        return tick.toLocaleString(undefined, {...form, timeZone});
    } catch {
        return tick.toLocaleString(undefined, form); // a zone that this browser does not know
    }
}

export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
export const zones = () => ['UTC', ...Intl.supportedValuesOf('timeZone').filter((name) => name !== 'UTC')];

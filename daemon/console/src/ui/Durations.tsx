import {useEffect, useRef} from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type {RunSummary} from '../api/types';
import {durationText} from './Time';

const dayFormat = new Intl.DateTimeFormat(undefined, {month: 'short', day: 'numeric'});
const minuteFormat = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit'});
const secondFormat = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', second: '2-digit'});

/// A place on the time axis, as exact as the distance to the next asks for.
function tickText(seconds: number, step: number): string {
    if (step < 1) return seconds % 1 === 0 ? secondFormat.format(seconds * 1000) : '';
    return (step >= 86_400 ? dayFormat : step >= 60 ? minuteFormat : secondFormat).format(seconds * 1000);
}

/// How long the runs of a job took, by verdict. A plot for the eye; the table below it has the same numbers.
export function Durations({runs}: {runs: RunSummary[]}) {
    const box = useRef<HTMLDivElement>(null);
    const ended = runs.filter((run) => run.durationMs !== null).reverse();
    const shape = ended.map((run) => run.id).join();

    useEffect(() => {
        const element = box.current;
        if (!element || ended.length < 3) return;
        // What a variable is worth here: a canvas knows neither var() nor light-dark().
        const colour = (name: string) => {
            element.style.color = `var(${name})`;
            const {color} = getComputedStyle(element);
            element.style.color = '';
            return color;
        };
        const times = ended.map((run) => new Date(run.queuedAt).getTime() / 1000);
        const seconds = ended.map((run) => run.durationMs! / 1000);
        const good = ended.map((run, i) => (run.status === 'passed' ? seconds[i]! : null));
        const bad = ended.map((run, i) => (run.status === 'passed' ? null : seconds[i]!));
        const axis = {stroke: colour('--muted'), grid: {stroke: colour('--line'), width: 1}, ticks: {show: false}, font: '12px system-ui, sans-serif'};
        const dots = (name: string, stroke: string) => ({
            label: name,
            stroke,
            paths: () => null,
            points: {show: true, size: 7, fill: stroke, stroke},
        });
        const plot = new uPlot(
            {
                width: element.clientWidth,
                height: 150,
                padding: [8, 36, 0, 0],
                cursor: {show: false},
                legend: {show: false},
                scales: {y: {range: (_, __, max) => [0, max * 1.1 || 1]}},
                axes: [{...axis, size: 32, space: 90, values: (_, splits, __, ___, step) => splits.map((at) => tickText(at, step))}, {...axis, size: 64, values: (_, ticks) => ticks.map((tick) => durationText(Math.round(tick * 1000)))}],
                series: [{}, {stroke: colour('--line-strong'), width: 1.5, points: {show: false}}, dots('passed', colour('--pass')), dots('other', colour('--fail'))],
            },
            [times, seconds, good, bad] as uPlot.AlignedData,
            element,
        );
        const observer = new ResizeObserver(() => plot.setSize({width: element.clientWidth, height: 150}));
        observer.observe(element);
        return () => {
            observer.disconnect();
            plot.destroy();
        };
    }, [shape]);

    if (ended.length < 3) return null;
    const sorted = ended.map((run) => run.durationMs!).sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)]!;
    const passed = ended.filter((run) => run.status === 'passed').length;
    return (
        <figure class="durations card">
            <figcaption>
                Durations of the last {ended.length} runs: half took {durationText(median)} or less, the longest {durationText(sorted[sorted.length - 1]!)};{' '}
                {Math.round((passed / ended.length) * 100)} % passed
            </figcaption>
            <div ref={box} aria-hidden="true" />
        </figure>
    );
}

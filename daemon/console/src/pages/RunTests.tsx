import type {Case, Run, RunTest} from '../api/types';
import {withoutEscapes} from '../log/Ansi';
import {bytesText, durationText} from '../ui/Time';
import {Verdict} from '../ui/Verdict';

/// The tests of a run with their verdicts. Choosing one narrows the output to it.
export function RunTests({run, only, onOnly}: {run: Run; only: number | null; onOnly: (position: number | null) => void}) {
    if (run.tests.length === 0)
        return (
            <section class="card" aria-label="Tests">
                <h2>Tests</h2>
                <p class="muted">{run.status === 'queued' ? 'Waiting for a free place.' : 'None was started.'}</p>
            </section>
        );
    return (
        <section class="card" aria-label="Tests">
            <h2>
                Tests
                {only !== null && (
                    <button type="button" class="small" onClick={() => onOnly(null)}>
                        Show all output
                    </button>
                )}
            </h2>
            <ol class="run-tests">
                {run.tests.map((test) => (
                    <li key={test.position}>
                        <button type="button" class="quiet pick" aria-pressed={only === test.position} onClick={() => onOnly(only === test.position ? null : test.position)}>
                            <span class="title">{test.title}</span>
                            <span class="muted small">{durationText(test.durationMs)}</span>
                            <Verdict status={test.status} />
                        </button>
                        <Particulars test={test} />
                    </li>
                ))}
            </ol>
        </section>
    );
}

/// The message and what stands beside it in the report; not twice, where the one begins with the other.
function saidOf({message, details}: Case): string {
    const text = [details?.startsWith(message ?? '') ? '' : message, details].filter(Boolean).join('\n\n') || message || '';
    return withoutEscapes(text); // what older runs kept
}

/// Text as the program wrote it: as wide as it is, scrolled within its box.
function Said({label, text}: {label: string; text: string}) {
    if (!text) return null;
    return (
        <pre class="inset" tabIndex={0} role="region" aria-label={label}>
            {text}
        </pre>
    );
}

function Particulars({test}: {test: RunTest}) {
    const wrong = test.cases.filter((one) => one.status !== 'passed' && one.status !== 'skipped');
    return (
        <>
            {test.errorDetails && <p class="refusal small">{test.errorDetails}</p>}
            {test.signal !== null && <p class="muted small">ended by signal {test.signal}</p>}
            {test.exitCode !== null && test.exitCode !== 0 && <p class="muted small">exit code {test.exitCode}</p>}
            {test.truncated && <p class="muted small">wrote {bytesText(test.outputBytes)}, of which the beginning and the end were kept</p>}
            {test.cases.length > 0 && (
                <details open={wrong.length > 0}>
                    <summary>
                        {test.cases.length} {test.cases.length === 1 ? 'case' : 'cases'}
                        {wrong.length > 0 && `, ${wrong.length} failed`}
                    </summary>
                    <ul class="cases">
                        {[...wrong, ...test.cases.filter((one) => !wrong.includes(one))].slice(0, 500).map((one, i) => (
                            <li key={i} class={`is-${one.status}`}>
                                <span class="case-name">{one.name}</span>
                                <span class="muted small">
                                    {one.status}
                                    {one.durationMs != null && `, ${durationText(one.durationMs)}`}
                                </span>
                                <Said label={`What ${one.name} says`} text={saidOf(one)} />
                            </li>
                        ))}
                    </ul>
                </details>
            )}
        </>
    );
}

import {useRef, useState} from 'preact/hooks';
import {Icon} from './Icon';

/// The clipboard of the browser, or, on a page that came without TLS from another machine, the old way.
async function copy(text: string): Promise<boolean> {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        const area = document.createElement('textarea');
        area.value = text;
        area.className = 'offstage';
        (document.querySelector('dialog[open]') ?? document.body).append(area);
        area.select();
        const done = document.execCommand('copy');
        area.remove();
        return done;
    }
}

export function CopyButton({text, label = 'Copy'}: {text: string; label?: string}) {
    const [state, setState] = useState<'' | 'Copied' | 'Not copied'>('');
    const timer = useRef(0);
    return (
        <button
            type="button"
            onClick={async () => {
                setState((await copy(text)) ? 'Copied' : 'Not copied');
                clearTimeout(timer.current);
                timer.current = window.setTimeout(() => setState(''), 2000);
            }}
        >
            <Icon name={state === 'Copied' ? 'passed' : 'copy'} />
            <span aria-live="polite">{state || label}</span>
        </button>
    );
}

/// Text that is to be taken elsewhere: a command, a piece of a pipeline.
export function Snippet({title, text}: {title: string; text: string}) {
    return (
        <figure class="snippet">
            <figcaption>
                <span>{title}</span>
                <CopyButton text={text} />
            </figcaption>
            <pre tabIndex={0} role="region" aria-label={title}>
                {text}
            </pre>
        </figure>
    );
}

import type {ComponentChildren} from 'preact';
import {useState} from 'preact/hooks';
import {CopyButton} from './Copy';
import {Dialog} from './Dialog';

/// The one time that a key or a secret is seen. It lives in this component's memory only, and goes with it.
export function Once({title, name, verb, secret, warning, children, onClose}: {title: string; name: string; verb: string; secret: string; warning: string; children?: ComponentChildren; onClose: () => void}) {
    const [shown, setShown] = useState(false);
    return (
        <Dialog title={title} onClose={onClose}>
            <div class="body">
                <p class="notice warn">
                    <strong>Copy it now.</strong> {warning}
                </p>
                <div class="secret">
                    <code aria-label={name} data-shown={shown}>
                        {shown ? secret : secret.slice(0, 8) + '•'.repeat(24)}
                    </code>
                    <button type="button" aria-pressed={shown} onClick={() => setShown(!shown)}>
                        {shown ? 'Hide' : 'Show'}
                    </button>
                    <CopyButton text={secret} label={verb} />
                </div>
                {children}
            </div>
            <footer>
                <button type="button" class="primary" onClick={onClose}>
                    I have stored it
                </button>
            </footer>
        </Dialog>
    );
}

import {useState} from 'preact/hooks';
import type {Key} from '../api/types';
import {CopyButton} from '../ui/Copy';
import {Dialog} from '../ui/Dialog';

/// The one time that a key is seen. It lives in this component's memory only, and goes with it.
export function NewKey({fresh, url, onClose}: {fresh: Key; url: string; onClose: () => void}) {
    const [shown, setShown] = useState(false);
    const key = fresh.key ?? '';
    return (
        <Dialog title={`Key ${fresh.name}`} onClose={onClose}>
            <div class="body">
                <p class="notice warn">
                    <strong>Copy it now.</strong> This key will not be shown again: the server keeps only a digest of it.
                </p>
                <div class="secret">
                    <code aria-label="API key" data-shown={shown}>
                        {shown ? key : key.slice(0, 8) + '•'.repeat(24)}
                    </code>
                    <button type="button" aria-pressed={shown} onClick={() => setShown(!shown)}>
                        {shown ? 'Hide' : 'Show'}
                    </button>
                    <CopyButton text={key} label="Copy key" />
                </div>
                {url && (
                    <p class="muted small">
                        Store it as the secret <code>USHER_API_KEY</code> of your pipeline. The snippets below the list use it under this name.
                    </p>
                )}
            </div>
            <footer>
                <button type="button" class="primary" onClick={onClose}>
                    I have stored it
                </button>
            </footer>
        </Dialog>
    );
}

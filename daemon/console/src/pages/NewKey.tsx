import type {Key} from '../api/types';
import {Once} from '../ui/Once';

export function NewKey({fresh, url, onClose}: {fresh: Key; url: string; onClose: () => void}) {
    return (
        <Once title={`Key ${fresh.name}`} name="API key" verb="Copy key" secret={fresh.key ?? ''} warning="This key will not be shown again: the server keeps only a digest of it." onClose={onClose}>
            {url && (
                <p class="muted small">
                    Store it as the secret <code>USHER_API_KEY</code> of your pipeline. The snippets below the list use it under this name.
                </p>
            )}
        </Once>
    );
}

import {useEffect, useState} from 'preact/hooks';
import {useLoad} from '../api/hooks';
import {hasEnded, type Run} from '../api/types';
import {Dialog} from '../ui/Dialog';
import {bytesText} from '../ui/Time';

interface Artifact {
    path: string;
    bytes: number;
}

const isImage = (path: string) => /\.(png|jpe?g|gif)$/i.test(path);

/// Files that the tests left; pictures are shown.
export function Artifacts({run}: {run: Run}) {
    const loaded = useLoad<{artifacts: Artifact[]}>(`/api/runs/${run.id}/artifacts`);
    const [large, setLarge] = useState<Artifact | null>(null);
    const ended = run.tests.filter((test) => test.completedAt).length + (hasEnded(run.status) ? 1 : 0);
    useEffect(() => {
        if (ended > 0) loaded.reload();
    }, [ended]);
    const files = loaded.data?.artifacts ?? [];
    if (files.length === 0 && !loaded.error) return null;
    const address = (file: Artifact) => `/api/runs/${run.id}/artifacts/${file.path.split('/').map(encodeURIComponent).join('/')}`;
    const images = files.filter((file) => isImage(file.path)).slice(0, 24);
    return (
        <section class="card" aria-label="Artifacts">
            <h2>Artifacts</h2>
            {loaded.error && <p class="refusal small">{loaded.error.message}</p>}
            {images.length > 0 && (
                <ul class="thumbs">
                    {images.map((file) => (
                        <li key={file.path}>
                            <button type="button" class="quiet" onClick={() => setLarge(file)} aria-label={`Show ${file.path}`}>
                                <img src={address(file)} alt="" loading="lazy" />
                            </button>
                        </li>
                    ))}
                </ul>
            )}
            <ul class="files">
                {files.map((file) => (
                    <li key={file.path}>
                        <a href={address(file)} download={file.path.split('/').pop()}>
                            {file.path}
                        </a>{' '}
                        <span class="muted small">{bytesText(file.bytes)}</span>
                    </li>
                ))}
            </ul>
            {large && (
                <Dialog title={large.path} wide onClose={() => setLarge(null)}>
                    <img class="large" src={address(large)} alt={large.path} />
                </Dialog>
            )}
        </section>
    );
}

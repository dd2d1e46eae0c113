import {useLoad} from '../api/hooks';
import type {Plugin} from '../api/types';
import {PageHead} from '../ui/Page';
import {Answered} from '../ui/States';

/// Who is asked before anything is done here.
export function Plugins() {
    const loaded = useLoad<{plugins: Plugin[]}>('/api/plugins', 5000);
    return (
        <>
            <PageHead title="Plugins" />
            <Answered loaded={loaded} what="plugins">
                {({plugins}) => (
                <ul class="rows nodes">
                    {plugins.map((plugin) => (
                        <li key={plugin.name}>
                            <div class="main">
                                <span class="name">{plugin.name}</span> <span class={plugin.state === 'healthy' ? 'tag good' : 'tag bad'}>{plugin.state}</span>
                                {plugin.breaker === 'open' && <span class="tag bad">circuit open</span>}
                                {plugin.changedOnDisk && <span class="tag warn">another version is on disk; restart to load it</span>}
                                <p class="muted small">
                                    {plugin.id} {plugin.version} by {plugin.vendor}
                                </p>
                                {plugin.reason && <p class="refusal small">{plugin.reason}</p>}
                            </div>
                            <dl class="pairs small">
                                <div>
                                    <dt>Answers for</dt>
                                    <dd>{plugin.chains.join(', ') || 'nothing'}</dd>
                                </div>
                                {Object.entries(plugin.counters)
                                    .sort(([a], [b]) => placeOf(a) - placeOf(b))
                                    .filter(([name, count]) => count > 0 || name === 'checks')
                                    .map(([name, count]) => (
                                        <div key={name}>
                                            <dt>{wordsOf(name)}</dt>
                                            <dd>{count.toLocaleString()}</dd>
                                        </div>
                                    ))}
                            </dl>
                        </li>
                    ))}
                </ul>
                )}
            </Answered>
        </>
    );
}

/// First what happens every day, then what should not.
const usual = ['checks', 'allowed', 'denied', 'abstained'];
const placeOf = (name: string) => (usual.indexOf(name) + usual.length + 1) % (usual.length + 1);

/// "deadlinesMissed" as people write it.
const wordsOf = (name: string) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(/^./, (letter) => letter.toUpperCase());

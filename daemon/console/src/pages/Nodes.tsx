import {api} from '../api/client';
import {useAction, useLoad} from '../api/hooks';
import type {Node} from '../api/types';
import {useMay} from '../session';
import {PageHead} from '../ui/Page';
import {Answered, Refusal} from '../ui/States';
import {Time} from '../ui/Time';
import {useToast} from '../ui/Toast';

const kinds = {up: 'good', draining: 'warn', silent: 'bad'} as const;

/// The machines that share the work.
export function Nodes() {
    const loaded = useLoad<{nodes: Node[]}>('/api/nodes', 5000);
    return (
        <>
            <PageHead title="Nodes" />
            <Answered loaded={loaded} what="nodes">
                {({nodes}) => (
                <ul class="rows nodes">
                    {nodes.map((node) => (
                        <Row key={node.id} node={node} reload={loaded.reload} />
                    ))}
                </ul>
                )}
            </Answered>
        </>
    );
}

function Row({node, reload}: {node: Node; reload: () => void}) {
    const admin = useMay('admin');
    const say = useToast();
    const drain = useAction(async () => {
        await api('POST', `/api/nodes/${node.id}/${node.draining ? 'undrain' : 'drain'}`, {body: {}});
        say(node.draining ? `${node.name} takes runs again` : `${node.name} takes no new runs; those under way go on`);
        reload();
    });
    return (
        <li>
            <div class="main">
                <span class="name">{node.name}</span> <span class={`tag ${kinds[node.state]}`}>{node.state}</span>
                <p class="muted small mono">{node.id}</p>
                <Refusal error={drain.error} />
            </div>
            <dl class="pairs small">
                <div>
                    <dt>Running</dt>
                    <dd>{node.running}</dd>
                </div>
                <div>
                    <dt>Last beat</dt>
                    <dd>
                        <Time at={node.heartbeatAt} />
                    </dd>
                </div>
                <div>
                    <dt>Started</dt>
                    <dd>
                        <Time at={node.startedAt} />
                    </dd>
                </div>
                {node.address && (
                    <div>
                        <dt>Address</dt>
                        <dd>{node.address}</dd>
                    </div>
                )}
            </dl>
            {admin && (
                <div class="do">
                    <button type="button" disabled={drain.busy} onClick={() => void drain.run()} aria-label={`${node.draining ? 'Undrain' : 'Drain'} ${node.name}`}>
                        {node.draining ? 'Undrain' : 'Drain'}
                    </button>
                </div>
            )}
        </li>
    );
}

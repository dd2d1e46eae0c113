import {combine} from '@atlaskit/pragmatic-drag-and-drop/combine';
import {draggable, dropTargetForElements} from '@atlaskit/pragmatic-drag-and-drop/element/adapter';
import {attachClosestEdge, extractClosestEdge, type Edge} from '@atlaskit/pragmatic-drag-and-drop-hitbox/closest-edge';
import {getReorderDestinationIndex} from '@atlaskit/pragmatic-drag-and-drop-hitbox/util/get-reorder-destination-index';
import {useEffect, useRef, useState} from 'preact/hooks';
import {to} from '../routes';
import {Icon} from '../ui/Icon';

export type Item = {id: string; title: string; type: string};

interface Props {
    test: Item;
    place: number;
    last: boolean;
    mayEdit: boolean;
    /// With `keep` the button of this direction keeps the focus.
    onMove: (from: number, target: number, keep?: 'up' | 'down') => void;
    onRemove: () => void;
}

/// One test in the order of its job: dragged by the mouse or a finger, moved by its arrows.
export function JobTest({test, place, last, mayEdit, onMove, onRemove}: Props) {
    const row = useRef<HTMLLIElement>(null);
    const [edge, setEdge] = useState<Edge | null>(null); // where what is dragged over it would go
    const move = useRef(onMove);
    move.current = onMove;

    useEffect(() => {
        const element = row.current;
        if (!element || !mayEdit) return;
        const away = () => setEdge(null);
        return combine(
            draggable({element, getInitialData: () => ({place})}),
            dropTargetForElements({
                element,
                getData: ({input}) => attachClosestEdge({place}, {element, input, allowedEdges: ['top', 'bottom']}),
                onDrag: ({self, source}) => setEdge(source.element === element ? null : extractClosestEdge(self.data)),
                onDragLeave: away,
                onDrop: ({self, source}) => {
                    away();
                    const from = source.data['place'] as number;
                    move.current(from, getReorderDestinationIndex({startIndex: from, indexOfTarget: place, closestEdgeOfTarget: extractClosestEdge(self.data), axis: 'vertical'}));
                },
            }),
        );
    }, [place, mayEdit]);

    return (
        <li ref={row} class={edge ? `over-${edge}` : undefined}>
            {mayEdit && (
                <span class="grip" aria-hidden="true">
                    <Icon name="grip" />
                </span>
            )}
            <span class="muted place">{place + 1}</span>
            <div class="main">
                <a class="name" href={to.test(test.id)} draggable={false}>
                    {test.title}
                </a>{' '}
                <span class="tag">{test.type}</span>
            </div>
            {mayEdit && (
                <div class="do">
                    <button type="button" class="square" data-move="up" disabled={place === 0} aria-label={`Move ${test.title} up`} onClick={() => onMove(place, place - 1, 'up')}>
                        <Icon name="up" />
                    </button>
                    <button type="button" class="square" data-move="down" disabled={last} aria-label={`Move ${test.title} down`} onClick={() => onMove(place, place + 1, 'down')}>
                        <Icon name="down" />
                    </button>
                    <button type="button" class="square" aria-label={`Remove ${test.title} from the job`} onClick={onRemove}>
                        <Icon name="close" />
                    </button>
                </div>
            )}
        </li>
    );
}

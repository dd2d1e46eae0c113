import {createContext, type ComponentChildren} from 'preact';
import {useCallback, useContext, useState} from 'preact/hooks';

const Context = createContext<(text: string) => void>(() => undefined);

/// Says that something went well, in a corner and to screen readers, and goes away.
export const useToast = () => useContext(Context);

export function ToastProvider({children}: {children: ComponentChildren}) {
    const [said, setSaid] = useState<{id: number; text: string}[]>([]);
    const say = useCallback((text: string) => {
        const id = Date.now() + Math.random();
        setSaid((all) => [...all.slice(-2), {id, text}]);
        setTimeout(() => setSaid((all) => all.filter((one) => one.id !== id)), 5000);
    }, []);
    return (
        <Context.Provider value={say}>
            {children}
            <div class="toasts" role="status">
                {said.map((one) => (
                    <p key={one.id}>{one.text}</p>
                ))}
            </div>
        </Context.Provider>
    );
}

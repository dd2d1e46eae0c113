import {useEffect, useRef} from 'preact/hooks';
import {createEditor, type PrismEditor} from 'prism-code-editor';
import 'prism-code-editor/layout.css';
import 'prism-code-editor/prism/languages/bash';
import 'prism-code-editor/prism/languages/javascript';
import 'prism-code-editor/prism/languages/python';
import '../style/editor.css';

const languages: Record<string, string> = {shell: 'bash', exec: 'bash', python: 'python'};
const javascript = ['node', 'playwright', 'k6', 'browser', 'api', 'custom', 'database', 'performance'];

/// A test's script with its highlighting. Below it lies a plain text area: Tab leaves it, and every aid for reading and
/// typing works.
export function Editor({id, type, value, onValue, readOnly}: {id: string; type: string; value: string; onValue: (value: string) => void; readOnly: boolean}) {
    const box = useRef<HTMLDivElement>(null);
    const editor = useRef<PrismEditor | null>(null);
    const tell = useRef(onValue);
    tell.current = onValue;
    const language = languages[type] ?? (javascript.includes(type) ? 'javascript' : 'text');

    useEffect(() => {
        const made = createEditor(box.current!, {value, language, readOnly, tabSize: 4, onUpdate: (text) => tell.current(text)});
        made.textarea.id = id;
        made.textarea.spellcheck = false;
        editor.current = made;
        return () => made.remove();
    }, []);
    useEffect(() => editor.current?.setOptions({language}), [language]);
    return <div class="editor" ref={box} />;
}

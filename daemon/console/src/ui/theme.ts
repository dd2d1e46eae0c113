// Light, dark, or what the system says. Kept by the browser, not by the server.
export type Theme = 'system' | 'light' | 'dark';
const key = 'usher-theme';

export function currentTheme(): Theme {
    const kept = localStorage.getItem(key);
    return kept === 'light' || kept === 'dark' ? kept : 'system';
}

export function applyTheme(theme: Theme = currentTheme()): void {
    if (theme === 'system') localStorage.removeItem(key);
    else localStorage.setItem(key, theme);
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
}

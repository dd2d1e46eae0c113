/// What to send: of something new everything, of something known only what differs, so that of two people who change two
/// things both keep theirs.
export function changesOf<T extends object>(wanted: T, before?: T): Partial<T> {
    if (!before) return wanted;
    const fields = Object.keys(wanted) as (keyof T)[];
    return Object.fromEntries(fields.filter((field) => JSON.stringify(wanted[field]) !== JSON.stringify(before[field])).map((field) => [field, wanted[field]])) as Partial<T>;
}

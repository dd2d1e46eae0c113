// The addresses of the console; daemon/http/endpoints/Console.cpp has the same list.
export const to = {
    jobs: '/jobs',
    newJob: '/jobs/new',
    job: (id: string) => `/jobs/${id}`,
    keys: (id: string) => `/jobs/${id}/keys`,
    jobTests: (id: string) => `/jobs/${id}/tests`,
    schedules: (id: string) => `/jobs/${id}/schedules`,
    webhooks: (id: string) => `/jobs/${id}/webhooks`,
    secrets: (id: string) => `/jobs/${id}/secrets`,
    jobSettings: (id: string) => `/jobs/${id}/settings`,
    tests: '/tests',
    newTest: '/tests/new',
    test: (id: string) => `/tests/${id}`,
    runs: '/runs',
    run: (id: string) => `/runs/${id}`,
    users: '/users',
    sessions: '/sessions',
    nodes: '/nodes',
    plugins: '/plugins',
    audit: '/audit',
    docs: '/api/docs',
};

export const pathOf = (url: string) => url.replace(/[?#].*$/, '');

/// Only an address of this console: what stands in `?to=` may come from anybody.
export function safeReturn(address: string | null): string {
    return address && /^\/(?![/\\])/.test(address) && !address.startsWith('/sign-in') && !address.startsWith('/api/') ? address : to.jobs;
}

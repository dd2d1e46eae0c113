// The shapes of /api/openapi.json that the console reads.

export type Role = 'admin' | 'editor' | 'viewer';
export type RunStatus = 'queued' | 'running' | 'passed' | 'failed' | 'error' | 'timeout' | 'cancelled' | 'lost';
export type TestStatus = 'queued' | 'pending' | 'running' | 'passed' | 'failed' | 'error' | 'timeout' | 'cancelled' | 'skipped';

export interface User {
    id: string;
    name: string;
    email: string;
    role: Role;
    banned: boolean;
    createdAt: string;
    updatedAt: string;
}

export interface Session {
    session: {id: string; expiresAt: string};
    user: User;
}

export interface OpenSession {
    id: string;
    userId: string;
    userName: string;
    userEmail: string;
    bearer: boolean;
    createdAt: string;
    updatedAt: string;
    expiresAt: string;
    ipAddress: string | null;
    userAgent: string | null;
}

export interface Parameter {
    name: string;
    required: boolean;
    default?: string | null;
    pattern?: string | null;
}

export interface JobSettings {
    name: string;
    description: string;
    paused: boolean;
    maxConcurrency: number;
    queueLimit: number;
    timeoutSeconds: number;
    retries: number;
    onLost: 'fail' | 'rerun';
    onBusy: 'queue' | 'coalesce' | 'refuse';
    parallelism: number;
    priority: number;
    network: 'none' | 'full';
    parameters: Parameter[];
}

export interface Job extends JobSettings {
    id: string;
    revision: number;
    testCount: number;
    lastRunAt: string | null;
    createdAt: string;
    updatedAt: string;
    tests?: {id: string; title: string; type: string}[];
}

export interface Test {
    id: string;
    title: string;
    description: string;
    type: string;
    priority: number;
    createdAt: string;
    updatedAt: string;
    script?: string;
}

export interface Case {
    name: string;
    status: string;
    durationMs?: number | null;
    message?: string | null;
    details?: string | null;
}

export interface RunTest {
    position: number;
    testId: string;
    title: string;
    type: string;
    status: TestStatus;
    exitCode: number | null;
    signal: number | null;
    startedAt: string | null;
    completedAt: string | null;
    durationMs: number | null;
    outputBytes: number;
    truncated: boolean;
    errorDetails: string | null;
    cases: Case[];
}

export interface RunEvent {
    at: string;
    type: string;
    nodeId: string | null;
    attempt: number;
    detail: string | null;
}

export interface RunSummary {
    id: string;
    jobId: string;
    jobName: string;
    status: RunStatus;
    trigger: string;
    triggeredBy: string;
    attempt: number;
    parameters: Record<string, string>;
    nodeId: string | null;
    sandbox: string | null;
    cancelRequested: boolean;
    queuedAt: string;
    startedAt: string | null;
    completedAt: string | null;
    durationMs: number | null;
    exitCode: number | null;
    signal: number | null;
    errorDetails: string | null;
}

export interface Run extends RunSummary {
    tests: RunTest[];
    timeline: RunEvent[];
}

export interface Key {
    id: string;
    name: string;
    start: string;
    enabled: boolean;
    createdAt: string;
    updatedAt: string;
    expiresAt: string | null;
    lastRequest: string | null;
    requestCount: number;
    jobId: string;
    createdByName: string;
    rateLimit: {max: number; windowSeconds: number} | null;
    remaining: number | null;
    allowedAddresses: string[] | null;
    key?: string;
}

export interface ScheduleSettings {
    cron: string;
    timeZone: string;
    onMissed: 'run-once' | 'skip';
    paused: boolean;
}

export interface Schedule extends ScheduleSettings {
    id: string;
    jobId: string;
    nextAt: string | null;
    lastTickAt: string | null;
    lastOutcome: string | null;
    lastRunId: string | null;
    createdAt: string;
    updatedAt: string;
}

export interface Webhook {
    id: string;
    jobId: string;
    url: string;
    events: string[];
    waiting: number;
    lastDelivery: {at: string; status: number | null; error: string | null} | null;
    createdAt: string;
    updatedAt: string;
    secret?: string;
}

export interface Guide {
    url: string;
    method: string;
    header: string;
    curl: string;
    githubActions: string;
    gitlabCi: string;
}

export interface Node {
    id: string;
    name: string;
    address: string | null;
    state: 'up' | 'draining' | 'silent';
    startedAt: string;
    heartbeatAt: string;
    draining: boolean;
    running: number;
}

export interface Plugin {
    name: string;
    id: string;
    version: string;
    vendor: string;
    state: 'healthy' | 'unhealthy';
    reason: string | null;
    breaker: 'open' | 'closed';
    inFlight: number;
    changedOnDisk: boolean;
    chains: string[];
    counters: Record<string, number>;
}

export interface AuditEntry {
    id: string;
    at: string;
    actor: string;
    action: string;
    resource: string | null;
    decision: string;
    code: string | null;
    address: string | null;
    requestId: string | null;
    detail: string | null;
}

export const hasEnded = (status: RunStatus) => status !== 'queued' && status !== 'running';

// Lints what a running usherd serves at /api/openapi.json, plugin routes included, with Redocly's recommended rules.
import {createConfig, lintFromString} from '@redocly/openapi-core';

export async function lint(text) {
    const config = await createConfig({
        extends: ['recommended'],
        rules: {
            'info-license': 'error',
            'info-license-strict': 'error',
            'no-server-example.com': 'off',
            'operation-4xx-response': 'error',
            'security-defined': 'error',
            'no-empty-servers': 'error',
            // One daemon, one address: where it is reached is not written into it.
            'no-server-trailing-slash': 'off',
        },
    });
    const problems = await lintFromString({source: text, config});
    return problems.map((one) => `${one.severity} ${one.ruleId} ${one.location.map((place) => place.pointer).join(' ')}: ${one.message}`);
}

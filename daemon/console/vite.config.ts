import {defineConfig} from 'vite';

// `npm run dev` serves the sources and passes the API to a usherd on this machine, whose [http] public_url must then
// be http://localhost:5173.
export default defineConfig({
    esbuild: {jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none'},
    build: {
        target: 'es2022',
        assetsInlineLimit: 0, // the policy of the pages allows no data: but for images
        chunkSizeWarningLimit: 2000, // of the API's description only
        reportCompressedSize: false,
        modulePreload: {polyfill: false},
        rollupOptions: {input: {index: 'index.html', docs: 'docs.html'}},
    },
    server: {proxy: {'/api': 'http://127.0.0.1:8321'}},
    logLevel: 'warn',
});

// /api/docs: the description of the API, by Swagger UI. It asks no other host: its validator badge is off.
import 'swagger-ui-dist/swagger-ui.css';
import './style/docs.css';
import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';

SwaggerUI({
    url: '/api/openapi.json',
    dom_id: '#docs',
    validatorUrl: null,
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: false,
    docExpansion: 'list',
    defaultModelsExpandDepth: 0,
});

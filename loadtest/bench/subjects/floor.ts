// The floor: a fastify that reads the bytes of the body and answers 200. No key, no policy, no Kafka.

import { createApp, serve } from './subject.ts'

const app = createApp()
app.post('/v1/events/*', (_request, reply) => { reply.send('{"outcome":"written"}') })
await serve(app, async () => {})

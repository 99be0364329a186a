// What most people write first: fastify and one kafkajs.send per request. No key, no policy; the bytes are not parsed.

import kafkajs from 'kafkajs'
import { createApp, eventsOf, readSetup, serve } from './subject.ts'

const { brokers, topic } = readSetup()
const client = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.ERROR })
const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
await producer.connect()

const app = createApp()
app.post('/v1/events/*', async (request) => {
  const events = eventsOf(request.body as Buffer, request.headers['content-type'])
  await producer.send({ topic, acks: -1, messages: events.map(value => ({ value })) })
  return { outcome: 'written' }
})
await serve(app, () => producer.disconnect())

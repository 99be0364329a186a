// What they write next: fastify and hand-made batches of 500 records or 5 ms into kafkajs.send. No key, no policy.

import kafkajs from 'kafkajs'
import { createApp, eventsOf, readSetup, serve } from './subject.ts'

const batchCountMax = 500
const lingerMs = 5

const { brokers, topic } = readSetup()
const client = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.ERROR })
const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
await producer.connect()

interface Waiting { resolve: () => void, reject: (error: unknown) => void }
let messages: { value: Buffer }[] = []
let waiting: Waiting[] = []
let timer: NodeJS.Timeout | undefined

function flush (): void {
  clearTimeout(timer)
  timer = undefined
  const told = waiting
  const batch = messages
  messages = []
  waiting = []
  producer.send({ topic, acks: -1, messages: batch }).then(
    () => { for (const { resolve } of told) resolve() },
    (error: unknown) => { for (const { reject } of told) reject(error) }
  )
}

const app = createApp()
app.post('/v1/events/*', async (request) => {
  for (const value of eventsOf(request.body as Buffer, request.headers['content-type'])) messages.push({ value })
  await new Promise<void>((resolve, reject) => {
    waiting.push({ resolve, reject })
    if (messages.length >= batchCountMax) flush()
    else timer ??= setTimeout(flush, lingerMs)
  })
  return { outcome: 'written' }
})
await serve(app, () => producer.disconnect())

// kafkajs 2.2.4 as its documentation shows it: producer.send of 100 records, acks=all, several at a time.

import kafkajs from 'kafkajs'
import { readProducerSetup, serveRuns, valueOf } from './producer-child.ts'

const recordsPerSend = 100
const sendsAtATime = 10

const { brokers, topic, recordBytes, keyed } = readProducerSetup()
const client = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.ERROR })
const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
await producer.connect()

async function run (recordsCount: number): Promise<void> {
  let sentCount = 0
  const sender = async (): Promise<void> => {
    while (sentCount < recordsCount) {
      const first = sentCount
      sentCount += recordsPerSend
      const messages = Array.from({ length: Math.min(recordsPerSend, recordsCount - first) }, (_, at) => ({
        key: keyed ? `key-${(first + at) % 10_000}` : null, value: valueOf(first + at, recordBytes)
      }))
      await producer.send({ topic, acks: -1, messages })
    }
  }
  await Promise.all(Array.from({ length: sendsAtATime }, sender))
}

serveRuns(run, () => producer.disconnect())

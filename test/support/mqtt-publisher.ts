// Publishers for fault tests: CloudEvents at QoS 1 through an MQTT broker, and what the broker has acknowledged.

import mqtt from 'mqtt'
import type { MqttClient } from 'mqtt'
import { digestOf } from './history.ts'
import type { SentEvent } from './history.ts'
import { until } from './until.ts'

export interface PublisherOptions {
  readonly port: number
  /** Events of 3.1.1 are structured, those of 5 binary. */
  readonly version: 4 | 5
  readonly topic: string
  readonly windowCount: number
}

export interface Publisher {
  readonly sent: readonly SentEvent[]
  /** Resolves once so many more were acknowledged by the broker. */
  more (count: number): Promise<void>
  /** Resolves when nothing is on its way to the broker, and publishes nothing until `resume`. */
  pause (): Promise<void>
  resume (): void
  stop (): Promise<void>
}

const pauseMs = 10

export async function startPublisher (options: PublisherOptions): Promise<Publisher> {
  const { port, version, topic, windowCount } = options
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: version, clean: false, clientId: `publisher-${topic.replaceAll('/', '-')}`, reconnectPeriod: 200,
    ...(version === 5 ? { properties: { sessionExpiryInterval: 3_600 } } : {})
  })
  const sent: SentEvent[] = []
  let nextNumber = 0
  let isStopping = false
  let isPaused = false
  let underWayCount = 0

  async function flow (stream: number): Promise<void> {
    for (let order = 0; !isStopping; order++) {
      while (isPaused) await new Promise(resolve => setTimeout(resolve, pauseMs))
      underWayCount++
      const id = `${topic}-${nextNumber++}`
      const data = JSON.stringify({ id, pad: 'x'.repeat(100) })
      const told = await publish(client, { version, topic, id, data }).then(() => 'written' as const, () => 'none' as const)
      sent.push({ id, stream: `${topic}-${stream}`, order, digest: digestOf(data), told })
      underWayCount--
      await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
  }

  const flows = Array.from({ length: windowCount }, (_, at) => flow(at))
  return {
    sent,
    async more (count) {
      const goal = sent.length + count
      await until(() => sent.length >= goal, { timeoutMs: 60_000, what: () => `${goal} of ${topic}, ${sent.length} are there` })
    },
    async pause () {
      isPaused = true
      await until(() => underWayCount === 0, { timeoutMs: 30_000, what: () => `the last acks of ${topic}` })
    },
    resume () { isPaused = false },
    async stop () {
      isStopping = true
      await Promise.all(flows)
      await client.endAsync()
    }
  }
}

interface Message { readonly version: 4 | 5, readonly topic: string, readonly id: string, readonly data: string }

async function publish (client: MqttClient, { version, topic, id, data }: Message): Promise<void> {
  const context = { specversion: '1.0', id, source: '/plant', type: 'reading' }
  if (version === 5) {
    await client.publishAsync(topic, data, {
      qos: 1, properties: { contentType: 'application/json', userProperties: context }
    })
  } else {
    const head = JSON.stringify({ ...context, datacontenttype: 'application/json' }).slice(0, -1)
    await client.publishAsync(topic, `${head},"data":${data}}`, { qos: 1 })
  }
}

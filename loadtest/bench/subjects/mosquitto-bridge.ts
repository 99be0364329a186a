// What a door for MQTT replaces: devices, mosquitto, and a program that subscribes with MQTT.js and sends by kafkajs.

import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { connectAsync } from 'mqtt'
import { startMosquitto } from '../../../test/support/mosquitto-process.ts'
import { channel } from '../../scenarios.ts'
import { readSetup } from './subject.ts'
import type { DoorSetup, Listening } from './subject.ts'

export interface BridgeParts {
  /** Lines of mosquitto.conf. */
  readonly lines: readonly string[]
  /** Gets every message as it comes. MQTT.js acknowledges it meanwhile: it could hold only one at a time. */
  readonly takerFor: (send: (values: readonly Buffer[]) => Promise<unknown>) => (payload: Buffer) => void
}

/** Runs both until the bench ends. Neither knows a key or a policy; the bytes are not looked into. */
export async function runBridge ({ lines, takerFor }: BridgeParts): Promise<void> {
  const { brokers, topic, folder } = readSetup<DoorSetup>()
  const client = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.ERROR })
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  const take = takerFor(values => producer.send({ topic, acks: -1, messages: values.map(value => ({ value })) }))
  const mosquitto = await startMosquitto(join(folder, `mosquitto-${process.pid}`), { lines, isQuiet: true })
  process.on('disconnect', () => { void mosquitto.stop().finally(() => process.exit()) })
  const subscriber = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`, { clientId: 'bridge', clean: false })
  subscriber.on('message', (_topic, payload) => { take(payload) })
  await subscriber.subscribeAsync(channel, { qos: 1 })
  process.send?.({ port: mosquitto.port, otherPids: [mosquitto.pid] } satisfies Listening)
}

/** One that fails is lost, as its sender was told long ago that all is well. */
export function lose (error: unknown): void {
  console.error(`a message was acknowledged and is lost: ${String(error)}`)
}

// An MQTT door on the loopback with a fake ingress behind it, sessions of a real table, and clients packet by packet.

import type { Test } from 'tap'
import { mqttConfig } from '../../protocols/mqtt/config.ts'
import type { MqttConfig } from '../../protocols/mqtt/config.ts'
import type { ConnackPacket, ConnectPacket } from '../../protocols/mqtt/codec/packet.ts'
import type { ProtocolVersion } from '../../protocols/mqtt/codec/rules.ts'
import { mqtt } from '../../protocols/mqtt/index.ts'
import type { Adapter } from '../../src/contract/adapter.ts'
import type { ClaimSession } from '../../src/contract/session.ts'
import { createClaims } from '../../src/sessions/claims.ts'
import { SessionTable } from '../../src/sessions/table.ts'
import { FakeIngress } from './fake-ingress.ts'
import { connectPacket, MqttClient, serveMqtt } from './mqtt-client.ts'
import { silentLog } from './odd-envelopes.ts'
import { defaultsOf } from './schema-defaults.ts'
import { until } from './until.ts'

/** What the door is built with when an operator sets nothing. */
export const mqttDefaults = defaultsOf(mqttConfig) as unknown as MqttConfig

export interface MqttRig {
  readonly ingress: FakeIngress
  readonly adapter: Adapter
  readonly port: number
  /** A connection on which nothing was said yet. */
  open (version?: ProtocolVersion): MqttClient
  /** A client that was let in, or not: what it was told is `connack`. */
  connect (parts?: Partial<ConnectPacket>): Promise<{ client: MqttClient, connack: ConnackPacket }>
  gauge (name: string): number
}

/** Sessions of a node of so many workers. */
export function createSessionClaims (t: Test, workersCount: number, handOverTimeoutMs = 5_000): ClaimSession[] {
  const table = new SessionTable({ sessionsMax: 1_000, handOverTimeoutMs })
  t.teardown(() => { table.close() })
  return Array.from({ length: workersCount }, (_, worker) => createClaims(table.attach(worker)))
}

/** Starts a door; the test's teardown stops it. */
export async function startMqtt (
  t: Test, parts: { config?: Partial<MqttConfig>, claimSession?: ClaimSession } = {}
): Promise<MqttRig> {
  const ingress = new FakeIngress()
  ingress.claimSession = parts.claimSession ?? createSessionClaims(t, 1)[0] ?? ingress.claimSession
  const config = { ...mqttDefaults, ...parts.config }
  const adapter = mqtt.create({ config, routes: [], ingress, version: '1.2.3', log: silentLog })
  const server = await serveMqtt(adapter)
  const clients: MqttClient[] = []
  t.teardown(() => {
    for (const client of clients) client.close()
    server.close()
  })
  const open = (version: ProtocolVersion = 5): MqttClient => {
    const client = new MqttClient(server.open(), version)
    clients.push(client)
    return client
  }
  return {
    ingress, adapter, port: server.port, open,
    async connect (given = {}) {
      const connect = connectPacket(given)
      const client = open(connect.version)
      client.say(connect)
      return { client, connack: await client.next('CONNACK') }
    },
    gauge: name => adapter.gauges.get(name)?.() ?? NaN
  }
}

export async function eventually (holds: () => boolean, what: string): Promise<void> {
  await until(holds, { timeoutMs: 10_000, what: () => what })
}

// A bridge between a fake broker and a fake ingress, with what tests wait for.

import type { Test } from 'tap'
import { mqttBridge } from '../../protocols/mqtt-bridge/index.ts'
import type { BridgeSettings } from '../../protocols/mqtt-bridge/config.ts'
import type { Adapter, Post } from '../../src/contract/adapter.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { FakeBroker } from './fake-mqtt-broker.ts'
import type { FakeLink } from './fake-mqtt-broker.ts'
import { FakeIngress } from './fake-ingress.ts'
import { defaultsOf } from './schema-defaults.ts'
import { until } from './until.ts'

export const plant: Principal = { name: 'plant', groups: ['plants'], anonymous: false }

/** Settings of one bridge, quick enough for tests. */
export function bridgeSettings (url: string, more: Partial<BridgeSettings> = {}): BridgeSettings {
  const { items } = mqttBridge.config as { items: object }
  return {
    ...defaultsOf(items), name: 'b', node: 'n', url, subscriptions: ['orders/#'], principal: 'plant',
    reconnectDelayMaxMs: 100, retryDelayMaxMs: 100, ...more
  } as BridgeSettings
}

export interface LogLine { readonly level: string, readonly fields: Record<string, unknown>, readonly message: string }

export interface BridgeRig {
  readonly broker: FakeBroker
  readonly ingress: FakeIngress
  readonly adapter: Adapter
  readonly lines: LogLine[]
  gauge (name: string): number
  /** The newest connection, once there are `count` and the bridge has subscribed on it or resumed its session. */
  link (count?: number): Promise<FakeLink>
}

export function soon (holds: () => boolean, what: string): Promise<number> {
  return until(holds, { timeoutMs: 10_000, what: () => what })
}

export interface BridgeRigOptions {
  readonly settings?: Partial<BridgeSettings>
  readonly worker?: number
  /** Before the bridge connects. */
  readonly prepare?: (broker: FakeBroker, ingress: FakeIngress) => void
}

export async function startBridge (t: Test, options: BridgeRigOptions = {}): Promise<BridgeRig> {
  const { settings, worker = 0, prepare } = options
  const broker = await FakeBroker.start()
  const ingress = new FakeIngress()
  prepare?.(broker, ingress)
  const lines: LogLine[] = []
  const noting = (level: string) => (fields: Record<string, unknown>, message: string): void => {
    lines.push({ level, fields, message })
  }
  const adapter = mqttBridge.create({
    config: [bridgeSettings(broker.url, settings)], routes: [], ingress, version: '0.0.0',
    log: { debug: noting('debug'), info: noting('info'), warn: noting('warn'), error: noting('error') }
  })
  const post: Post = { worker, principalNamed: name => name === 'plant' ? plant : undefined }
  adapter.start?.(post)
  t.teardown(async () => {
    // A test that leaves events pending does not wait for them.
    for (const { envelope, settle } of ingress.pending.splice(0)) settle(ingress.outcomeOf(envelope, 0) ?? receipt)
    await adapter.drain()
    await broker.stop()
  })
  const gauge = (name: string): number => adapter.gauges.get(name)?.() ?? NaN
  return {
    broker, ingress, adapter, lines, gauge,
    async link (count = 1) {
      await soon(() => broker.links.length >= count && gauge('brokers_connected') === 1, `connection ${count}`)
      const link = broker.links.at(-1)
      if (link === undefined) throw new Error('there is no connection')
      return link
    }
  }
}

const receipt = {
  outcome: 'written', id: '', source: '', ack: 'kafka', topic: '', partition: 0, offset: 0, journal: undefined
} as const

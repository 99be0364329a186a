// The MQTT bridge: reads from brokers that exist, and acknowledges to them what this gateway has written.

import type { Adapter, AdapterModule, AdapterSetup } from '../../src/contract/adapter.ts'
import { SettingError } from '../../src/contract/setting-error.ts'
import { topicFilterRule } from '../mqtt/codec/topic-filter.ts'
import { violationOf } from '../mqtt/codec/violation.ts'
import { Bridge } from './bridge.ts'
import { addressOf } from './broker-socket.ts'
import { bridgeConfig } from './config.ts'
import type { BridgeSettings } from './config.ts'

const section = 'mqttBridge'

export const mqttBridge: AdapterModule<readonly BridgeSettings[]> = {
  name: 'mqtt-bridge',
  section,
  protocol: undefined,
  config: bridgeConfig,
  routeConfig: {},
  examine: mistakesOf,
  create: createBridges,
  rehearse: () => Promise.reject(new Error('the bridge reads from a broker; publish there'))
}

function createBridges ({ config, ingress, log }: AdapterSetup<readonly BridgeSettings[]>): Adapter {
  const [mistake] = mistakesOf(config)
  if (mistake !== undefined) throw mistake
  const bridges = config.map(settings => new Bridge({ settings, ingress, log }))
  const sum = (of: (bridge: Bridge) => number) => (): number => bridges.reduce((total, one) => total + of(one), 0)
  return {
    attach () { throw new Error('the bridge serves no listener') },
    start (post) {
      for (const bridge of bridges) bridge.start(post)
    },
    async drain () {
      await Promise.all(bridges.map(bridge => bridge.drain()))
    },
    gauges: new Map([
      ['brokers_connected', sum(one => one.isConnected ? 1 : 0)],
      ['bridges_stopped', sum(one => one.isRefusing ? 1 : 0)],
      ['broker_connects_total', sum(one => one.connectsCount)],
      ['broker_losses_total', sum(one => one.lossesCount)],
      ['messages_held', sum(one => one.deliveries.heldCount)],
      ['messages_to_retry', sum(one => one.deliveries.restingCount)],
      ['messages_retried_total', sum(one => one.deliveries.retriedCount)],
      ['messages_refused_total', sum(one => one.deliveries.refusedCount)],
      ['messages_rejoined_total', sum(one => one.deliveries.rejoinedCount)],
      ['reserved_bytes', sum(one => one.deliveries.reservedBytes)],
      ['read_ahead_bytes', sum(one => one.heldBytes)]
    ])
  }
}

/** What the schema cannot say, at the settings to change. */
function mistakesOf (bridges: readonly BridgeSettings[]): readonly SettingError[] {
  const mistakes: SettingError[] = []
  const names = new Set<string>()
  for (const [at, { name, url, tls, subscriptions, password, username }] of bridges.entries()) {
    const wrong = (key: string | readonly (string | number)[], message: string): void => {
      mistakes.push(new SettingError(message, [section, at, ...[key].flat()]))
    }
    if (names.has(name)) wrong('name', `another bridge is named ${name}; their sessions would be one`)
    names.add(name)
    const { secure, port } = addressOf(url)
    if (port < 1 || port > 65_535) wrong('url', 'the port is none; use 1 to 65535')
    if (tls !== undefined && !secure) wrong('tls', 'TLS is set, and the URL is mqtt://; write mqtts://')
    if (password !== undefined && username === undefined) wrong('password', 'a password without a username')
    for (const [index, filter] of subscriptions.entries()) {
      // Brokers of 3.1.1 that share subscriptions write them as version 5 does.
      const rule = topicFilterRule(filter, 5)
      if (rule !== undefined) wrong(['subscriptions', index], violationOf(rule, 5).detail)
    }
  }
  return mistakes
}

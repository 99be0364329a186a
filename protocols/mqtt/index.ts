// The MQTT door: messages of MQTT 3.1.1 and 5 in, acknowledgements out, nothing delivered.

import type { Duplex } from 'node:stream'
import type { Adapter, AdapterModule, AdapterSetup } from '../../src/contract/adapter.ts'
import { mqttConfig } from './config.ts'
import type { MqttConfig } from './config.ts'
import { Connection } from './connection.ts'
import { Door } from './door.ts'
import { rehearse } from './rehearsal.ts'

export const mqtt: AdapterModule<MqttConfig> = {
  name: 'mqtt',
  protocol: 'mqtt',
  config: mqttConfig,
  routeConfig: {},
  create: createMqtt,
  rehearse
}

/** A peer that is gone without a word is found out by the platform, also where there is no keep alive. */
const probeAfterMs = 60_000

function createMqtt ({ config, ingress, log }: AdapterSetup<MqttConfig>): Adapter {
  const door = new Door(config, ingress, log)
  return {
    attach (listening) {
      door.start()
      listening.onSocket(socket => {
        const stream = socket as Duplex & { setKeepAlive?: (enable: boolean, initialDelayMs: number) => void }
        stream.setKeepAlive?.(true, probeAfterMs)
        void new Connection(door, stream, listening.peerOf(socket))
      })
    },
    drain: () => door.drain(),
    gauges: new Map([
      ['clients_connected', () => door.members.size],
      ['clients_waiting', () => door.connectQueue.waitingCount],
      ['clients_held_off', () => door.holdOffs.heldCount],
      ['sessions_detached', () => door.sessions.detachedCount],
      ['packet_ids_bytes', () => door.sessions.packetIdsBytes],
      ['wills_held', () => door.wills.heldCount],
      ['wills_held_bytes', () => door.wills.heldBytes],
      ['time_limits', () => door.wheel.itemsCount],
      ['messages_in_flight', () => door.sentCount],
      ['messages_lost_total', () => door.lostCount],
      ['reserved_bytes', () => door.reservedBytes],
      ['paused_bytes', () => door.pausedBytes],
      ['unpaid_bytes', () => door.unpaidBytes],
      ['topics_remembered', () => door.channelsCount]
    ])
  }
}

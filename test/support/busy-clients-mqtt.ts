// Many events in flight over MQTT: from devices of both versions and qualities, and from a broker that a bridge reads.

import { connect } from 'node:net'
import { mqtt } from '../../protocols/mqtt/index.ts'
import type { Packet } from '../../protocols/mqtt/codec/packet.ts'
import type { ProtocolVersion } from '../../protocols/mqtt/codec/rules.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { bridgeSettings, plant, soon } from './bridge-rig.ts'
import { form, placeOf } from './busy-client.ts'
import type { BusyClient, BusyForm, Make, Place, Settings, Word } from './busy-client.ts'
import { codeIn, withheldByMqtt } from './clients.ts'
import { openLine } from './cuttable-line.ts'
import { FakeBroker } from './fake-mqtt-broker.ts'
import { connectPacket, MqttClient, publishPacket, serveMqtt } from './mqtt-client.ts'
import { defaultsOf } from './schema-defaults.ts'

/** Event n has the packet id n + 1. */
function listen (client: MqttClient, told: Map<number, Word>, ended: (word: Word) => void): void {
  let heardCount = 0
  client.stream.on('data', () => {
    for (const packet of client.heard.slice(heardCount)) {
      heardCount += 1
      if (packet.type === 'DISCONNECT') ended(codeIn(packet.properties) ?? 'nothing')
      if (packet.type !== 'PUBACK' && packet.type !== 'PUBREC') continue
      told.set(packet.packetId - 1, packet.reasonCode >= 0x80 ? codeIn(packet.properties) ?? 'refused' : 'written')
    }
  })
}

async function openDevice (port: number, version: ProtocolVersion, qos: 1 | 2): Promise<BusyClient> {
  const told = new Map<number, Word>()
  const client = new MqttClient(connect({ port, host: '127.0.0.1', noDelay: true }), version)
  let over: Word | undefined
  let sentCount = 0
  listen(client, told, word => { over = word })
  client.stream.on('close', () => { over ??= 'nothing' })
  client.say(connectPacket({ version }))
  await client.next('CONNACK')
  return {
    told,
    get over () { return over },
    send (data) {
      client.say(...data.map(payload => publishPacket({ packetId: ++sentCount, qos, payload })))
    },
    garbage: bytes => { client.stream.write(bytes) },
    finish: () => { client.close() }
  }
}

const defaults = defaultsOf(mqtt.config)

function deviceForm (name: string, version: ProtocolVersion, qos: 1 | 2): BusyForm {
  return form({
    door: 'mqtt', name,
    settings: inFlightMax => ({ inFlightMax }),
    // A client of MQTT 5 is told its window, and breaks the protocol when it sends more.
    beyond: version === 5 ? 'ends' : 'waits',
    held: withheldByMqtt,
    // MQTT 3.1.1 has no word for a refusal: the connection ends.
    wordOf: code => version === 5 ? code : 'nothing',
    lasting: {
      topics_remembered: 'a memory of names that are fine, and nobody\'s',
      clients_held_off: 'who was closed for a refusal is to come back later'
    },
    async begin (make, settings) {
      const adapter = make({ ...defaults, ...settings })
      return placeOf(adapter, await serveMqtt(adapter), port => openDevice(port, version, qos))
    }
  })
}

/** The broker is the sender here, and is called. */
async function beginBridge (version: 5 | '3.1.1', make: Make, settings: Settings): Promise<Place> {
  const broker = await FakeBroker.start()
  const line = await openLine(Number(new URL(broker.url).port))
  const adapter = make([bridgeSettings(`mqtt://127.0.0.1:${line.port}`, { version, ...settings })])
  adapter.start?.({ worker: 0, principalNamed: () => plant })
  const connected = adapter.gauges.get('brokers_connected') ?? (() => NaN)
  return {
    adapter,
    async open () {
      await soon(() => connected() === 1 && broker.links.at(-1)?.socket.writable === true, 'a connection of the bridge')
      const link = broker.links.at(-1)
      if (link === undefined) throw new Error('the bridge has not connected')
      return new BrokerClient(link)
    },
    cut: how => { line.cut(how) },
    async close () {
      line.close()
      await broker.stop()
    }
  }
}

class BrokerClient implements BusyClient {
  readonly #link: FakeBroker['links'][number]
  readonly #told = new Map<number, Word>()
  #heardCount: number
  #sentCount = 0

  constructor (link: FakeBroker['links'][number]) {
    this.#link = link
    this.#heardCount = link.packets.length
  }

  get told (): ReadonlyMap<number, Word> {
    const { packets } = this.#link
    for (; this.#heardCount < packets.length; this.#heardCount++) this.#hear(packets[this.#heardCount])
    return this.#told
  }

  #hear (packet: Packet | undefined): void {
    if (packet?.type === 'PUBACK') this.#told.set(packet.packetId - 1, packet.reasonCode >= 0x80 ? 'refused' : 'written')
  }

  get over (): Word | undefined { return this.#link.isClosed ? 'nothing' : undefined }

  send (data: readonly Buffer[]): void {
    for (const one of data) this.#link.publish(++this.#sentCount, one.toString())
  }

  garbage (bytes: Buffer): void { this.#link.socket.write(bytes) }
  finish (): void { this.#link.socket.end() }
}

const heldByBridge: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  ...withheldByMqtt, 'unauthenticated', 'undeliverable', 'shutting-down', 'internal'
])

function bridgeForm (name: string, version: 5 | '3.1.1'): BusyForm {
  return form({
    door: 'mqtt-bridge', name,
    settings: inFlightEventsMax => ({ inFlightEventsMax }),
    begin: (make, settings) => beginBridge(version, make, settings),
    held: heldByBridge,
    // What is refused for good is acknowledged and counted: a broker that sent it again would get no other answer.
    wordOf: () => version === 5 ? 'refused' : 'written',
    lasting: { brokers_connected: 'it connects again by itself' }
  })
}

export const mqttForms: readonly BusyForm[] = [
  deviceForm('5, QoS 1', 5, 1), deviceForm('5, QoS 2', 5, 2), deviceForm('3.1.1, QoS 1', 4, 1), deviceForm('3.1.1, QoS 2', 4, 2),
  bridgeForm('5', 5), bridgeForm('3.1.1', '3.1.1')
]

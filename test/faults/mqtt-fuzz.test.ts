// Fuzzes MQTT: packets that are nearly right, for the codec alone by the million, and over sockets for a whole gateway.
// In full, by hand: SLUICE_FUZZ_PACKETS=10000000 npx tap --timeout=7200 test/faults/mqtt-fuzz.test.ts

import { once } from 'node:events'
import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { PacketReader } from '../../protocols/mqtt/codec/packet-reader.ts'
import type { ProtocolVersion } from '../../protocols/mqtt/codec/rules.ts'
import { Random } from '../simulation/random.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { metricOf } from '../support/metrics.ts'
import { connectPacket, MqttClient, publishPacket } from '../support/mqtt-client.ts'
import { codecLimits, fuzzCase, headerRules } from '../support/mqtt-packets.ts'
import type { FuzzCase } from '../support/mqtt-packets.ts'

const packetsCount = Math.max(1_000, Number(process.env.SLUICE_FUZZ_PACKETS) || 20_000)
const socketsCount = Math.floor(packetsCount / 100)
const packetCpuMsMax = 25
const batchCount = 200

/** Both versions and both sides, by turns. */
function caseOf (seed: number, from: 'client' | 'server'): FuzzCase & { readonly version: ProtocolVersion } {
  const version = seed % 2 === 0 ? 4 : 5
  return { version, ...fuzzCase(new Random(seed), { version, from }) }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
function heapBytes (): number {
  collect()
  return process.memoryUsage().heapUsed
}

/** True where more than the fixed header of a packet was read. */
function read (reader: PacketReader, bytes: Buffer): boolean {
  reader.push(bytes)
  let isPast = false
  for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
    if (packet.type === 'violation') return isPast || !headerRules.has(packet.rule)
    isPast = true
  }
  return isPast || reader.heldBytes > 5
}

t.test(`${packetsCount} packets, right, wrong or cut, cost the codec little and leave nothing`, async t => {
  let pastHeaderCount = 0
  let slowestMs = 0
  let firstBytes = 0
  for (let seed = 0; seed < packetsCount; seed++) {
    const from = seed % 4 < 2 ? 'client' : 'server'
    const { version, greeting, bytes } = caseOf(seed, from)
    const reader = new PacketReader({
      from, packetBytesMax: 1_048_576, limits: codecLimits, ...(from === 'server' ? { version } : {})
    })
    if (greeting.length > 0) read(reader, greeting)
    const before = process.threadCpuUsage()
    if (read(reader, bytes)) pastHeaderCount += 1
    const { user, system } = process.threadCpuUsage(before)
    slowestMs = Math.max(slowestMs, (user + system) / 1_000)
    if (seed === Math.floor(packetsCount / 10)) firstBytes = heapBytes()
  }
  const growth = heapBytes() / firstBytes
  t.comment(`${pastHeaderCount} past the fixed header, slowest ${slowestMs.toFixed(1)} ms of CPU, heap x ${growth.toFixed(2)}`)
  t.ok(pastHeaderCount > packetsCount / 3, 'most were read')
  t.ok(slowestMs <= packetCpuMsMax, 'none cost much')
  t.ok(growth < 1.2, 'nothing grew')
})

t.test(`${socketsCount} of them over sockets: after each batch a good client publishes`, async t => {
  const gateway = await startGatewayProcess(t.testdir(), `
workers: 2
sink: journal
listeners: [ { protocol: mqtt, port: 0 }, { protocol: health, port: 0 } ]
routes: [ { name: orders, channel: "orders/{region}", topic: orders } ]
`)
  t.teardown(() => gateway.kill())
  const [port = 0] = gateway.ports

  async function attack (seed: number): Promise<void> {
    const { greeting, bytes } = caseOf(seed, 'client')
    const socket = connect(port, '127.0.0.1').on('error', () => {}).resume()
    socket.end(Buffer.concat([greeting, bytes]))
    await once(socket, 'close')
  }

  for (let seed = 0; seed < socketsCount; seed += batchCount) {
    const count = Math.min(batchCount, socketsCount - seed)
    await Promise.all(Array.from({ length: count }, (_, at) => attack(seed + at)))
    const version = seed % (2 * batchCount) === 0 ? 4 : 5
    const good = new MqttClient(connect(port, '127.0.0.1'), version)
    good.say(connectPacket({ version }), publishPacket())
    const { reasonCode } = await good.next('PUBACK', 1)
    good.close()
    if (reasonCode !== 0) return t.fail(`after seed ${seed} a good message was answered with ${reasonCode}`)
  }
  t.equal(await metricOf(gateway.healthPort, 'sluice_worker_restarts_total'), 0, 'no worker was lost')
})

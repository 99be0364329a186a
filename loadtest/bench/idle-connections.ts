// Question: how much memory does a connection cost that says nothing?
// By hand: npm run bench:idle [-- --connections 10000 --door websocket]. Resident memory, per connection.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { channel } from '../scenarios.ts'
import { endChild, messageOf, startChild } from './child.ts'
import { residentBytes } from './process-cpu.ts'
import { streamDoors } from './speakers/index.ts'
import type { StreamDoorName } from './speakers/index.ts'
import type { FromStreamLoad, ToStreamLoad } from './stream-load.ts'
import type { DoorSetup, Listening } from './subjects/subject.ts'

const connectionsMax = 20_000
/** Each adapter once: idle, it does not matter how events would be sent. */
const idleDoors = Object.entries(streamDoors).filter(([name, { adapter }]) => name === adapter).map(([name]) => name)
const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    door: { type: 'string', multiple: true, default: idleDoors }
  }
})
const connections = Math.min(Math.max(1, Math.floor(Number(values.connections)) || 1), connectionsMax)
const answerMs = 120_000
const apiKey = 'a-key-for-the-bench-0123456789'

/** Kafka is not needed: nothing is sent. */
const nowhere = ['127.0.0.1:1']

async function measure (door: StreamDoorName, folder: string): Promise<void> {
  const setup: DoorSetup = { door, brokers: nowhere, topic: 'idle', folder, apiKey, profile: false }
  const file = new URL('./subjects/door-gateway.ts', import.meta.url)
  const program = startChild({ file, args: [JSON.stringify(setup)], core: undefined })
  const load = startChild({ file: new URL('./stream-load.ts', import.meta.url), core: undefined })
  const open = async (port: number, count: number): Promise<number> => {
    load.send({ kind: 'connect', setup: { door, port, channel, apiKey, dataText: '', connections: count } } satisfies ToStreamLoad)
    const answer = await messageOf<FromStreamLoad>(load, answerMs)
    if (answer.kind !== 'connected') throw new Error(JSON.stringify(answer))
    return residentBytes(program.pid ?? 0)
  }
  try {
    const { port } = await messageOf<Listening>(program, answerMs)
    // A tenth first: what the code of the door itself takes is in both.
    const firstCount = Math.ceil(connections / 10)
    const first = await open(port, firstCount)
    const all = await open(port, connections)
    const kibibytes = (all - first) / (connections - firstCount) / 1_024
    console.log(`${door}: ${connections} idle connections, ${kibibytes.toFixed(1)} KiB each, ${(all / 2 ** 20).toFixed(0)} MiB in all`)
  } finally {
    await endChild(load)
    await endChild(program)
  }
}

if (process.platform !== 'linux') throw new Error('this bench reads memory from /proc, which only Linux has')
const filesMax = Number(execFileSync('sh', ['-c', 'ulimit -n']).toString())
if (filesMax < connections + 1_000) throw new Error(`${filesMax} files may be open: raise it (ulimit -n) or ask for fewer connections`)
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
try {
  for (const name of values.door) {
    if (!Object.hasOwn(streamDoors, name)) throw new Error(`${name} is none of ${Object.keys(streamDoors).join(', ')}`)
    await measure(name as StreamDoorName, folder)
  }
} finally {
  rmSync(folder, { recursive: true })
}

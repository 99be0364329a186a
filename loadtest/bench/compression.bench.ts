// Question: up to which size of batch is compressing at once no dearer than handing it to another thread, by codec?
// By hand: node loadtest/bench/compression.bench.ts [KiB ...]. CPU time in the quickest of many short rounds: "at once"
// is all on the event loop, "later" is the whole process and "loop" what of it is on the event loop. The loop gains
// where "loop" is less than "at once"; the machine as a whole gains nothing.

import { codecNames, loadCodec } from '../../src/kafka/compression-codecs.ts'
import type { Codec } from '../../src/kafka/compression-codecs.ts'

const kibibyte = 1_024
const roundMs = 20
const roundCount = 15
const sizesKiB = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 4, 8, 16, 32, 64, 128, 256, 1_024]

let seed = 1
function random (below: number): number {
  seed = Math.imul(seed, 1_664_525) + 1_013_904_223 >>> 0
  return seed % below
}

/** Events of a shop, as they lie one behind the other in a batch. */
function events (sizeBytes: number): Buffer {
  const lines: string[] = []
  for (let left = sizeBytes; left > 0;) {
    const line = JSON.stringify({
      id: `7f3c${random(2 ** 31).toString(16)}-${random(2 ** 31).toString(16)}`, customer: `customer-${random(10_007)}`,
      at: 1_700_000_000_000 + random(1_000_000), price: random(10_000) / 100, paid: random(3) === 0, note: 'ring twice'
    })
    lines.push(line)
    left -= line.length
  }
  return Buffer.from(lines.join('')).subarray(0, sizeBytes)
}

const sumOf = ({ user, system }: NodeJS.CpuUsage): number => user + system

/** Microseconds of CPU per call. */
function atOnce (codec: Codec, records: Buffer): number {
  let least = Infinity
  for (let round = 0; round < roundCount; round++) {
    const before = process.threadCpuUsage()
    const startedMs = performance.now()
    let calls = 0
    for (; performance.now() - startedMs < roundMs; calls++) codec.now(records)
    least = Math.min(least, sumOf(process.threadCpuUsage(before)) / calls)
  }
  return least
}

/** Microseconds of CPU per call: of the process, and of the event loop. */
async function later (codec: Codec, records: Buffer): Promise<{ all: number, loop: number }> {
  let all = Infinity
  let loop = Infinity
  for (let round = 0; round < roundCount; round++) {
    const before = process.cpuUsage()
    const loopBefore = process.threadCpuUsage()
    const startedMs = performance.now()
    let calls = 0
    for (; performance.now() - startedMs < roundMs; calls++) await codec.later(records)
    all = Math.min(all, sumOf(process.cpuUsage(before)) / calls)
    loop = Math.min(loop, sumOf(process.threadCpuUsage(loopBefore)) / calls)
  }
  return { all, loop }
}

const shown = (microseconds: number): string => `${microseconds.toFixed(0)} us`.padStart(9)

console.log(`${'codec'.padEnd(8)}${'size'.padStart(9)}${'ratio'.padStart(7)}${'at once'.padStart(10)}${'MB/s'.padStart(7)}` +
  `${'later'.padStart(10)}${'loop'.padStart(10)}   at once up to`)
for (const name of codecNames) {
  const codec = loadCodec(name)
  if (codec === undefined) continue
  for (const sizeKiB of sizesKiB) {
    const records = events(sizeKiB * kibibyte)
    const ratio = (records.length / codec.now(records).length).toFixed(2)
    const now = atOnce(codec, records)
    const { all, loop } = await later(codec, records)
    console.log(`${name.padEnd(8)}${`${sizeKiB} KiB`.padStart(9)}${ratio.padStart(7)} ${shown(now)}` +
      `${(records.length / now).toFixed(0).padStart(7)} ${shown(all)} ${shown(loop)}   ${codec.atOnceBytes / kibibyte} KiB`)
  }
}

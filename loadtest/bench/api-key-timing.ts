// Question: does the time of a wrong API key tell anything about the right one? Welch's t over two kinds of wrong keys.
// By hand: node loadtest/bench/api-key-timing.ts [samples]. Below 4.5 in absolute value nothing can be told apart.

import { createHash, randomBytes } from 'node:crypto'
import { createKeyTable } from '../../plugins/auth-api-key/key-table.ts'

const sampleCount = Math.min(Number(process.argv[2] ?? 1_000_000), 10_000_000)
const keys = Array.from({ length: 100 }, () => randomBytes(24).toString('base64url'))
const table = createKeyTable(keys.map((key, owner) => ({ digest: createHash('sha256').update(key).digest('hex'), owner })))

/** Running mean and variance (Welford), so that no sample is kept. */
interface Series { count: number, mean: number, squares: number }
const ofNear: Series = { count: 0, mean: 0, squares: 0 }
const ofFar: Series = { count: 0, mean: 0, squares: 0 }

function add (series: Series, value: number): void {
  series.count++
  const delta = value - series.mean
  series.mean += delta / series.count
  series.squares += delta * (value - series.mean)
}

for (let i = 0; i < sampleCount; i++) {
  // Near: a right key with other last characters. Far: random, of the same length. Both are made each time, in the same
  // way and never twice, and a coin chooses: whatever else could differ between the two is not the key.
  const random = randomBytes(24).toString('base64url')
  const right = keys[i % keys.length] ?? ''
  const near = Buffer.from(right.slice(0, 16) + random.slice(16), 'latin1').toString('latin1')
  const far = Buffer.from(random, 'latin1').toString('latin1')
  const isNear = Math.random() < 0.5
  const key = isNear ? near : far
  const startedNs = process.hrtime.bigint()
  table.find(key)
  const tookNs = Number(process.hrtime.bigint() - startedNs)
  // Pauses of the collector and of the machine say nothing about the key.
  if (tookNs < 50_000) add(isNear ? ofNear : ofFar, tookNs)
}

const spread = (series: Series): number => series.squares / (series.count - 1) / series.count
const welch = (ofNear.mean - ofFar.mean) / Math.sqrt(spread(ofNear) + spread(ofFar))
const count = ofNear.count + ofFar.count
console.log(`near ${ofNear.mean.toFixed(0)} ns, far ${ofFar.mean.toFixed(0)} ns, n ${count}, t ${welch.toFixed(2)}`)
console.log(Math.abs(welch) < 4.5 ? 'no difference can be seen' : 'a difference can be seen')

// Keys spread evenly, differ by seed, and are told apart by 32 bits beside their place.

import t from 'tap'
import { createKeyHash } from './key-hash.ts'

t.test('the same key has the same hash under the same seed only', async t => {
  const [one, same, other] = [{ low: 1, high: 2 }, { low: 1, high: 2 }, { low: 1, high: 3 }].map(createKeyHash)
  for (const hash of [one, same, other]) hash?.hash('factory-7')
  t.same([one?.place, one?.fingerprint], [same?.place, same?.fingerprint])
  t.not(one?.place, other?.place)
  t.not(one?.fingerprint, other?.fingerprint)
})

t.test('keys that look alike are all told apart', async t => {
  const hash = createKeyHash({ low: 7, high: 11 })
  const seen = new Set<string>()
  const keys = ['', '\u0000', '\u0000\u0000', 'a', 'a\u0000', '\u0000a', 'aa', 'aaa', 'a/b', 'a/b/', '\ud83d', '\ud83d\ude00']
  for (const key of keys) {
    hash.hash(key)
    seen.add(`${hash.place} ${hash.fingerprint}`)
  }
  t.equal(seen.size, keys.length)
})

t.test('places and fingerprints of many similar keys are spread like chance', async t => {
  const hash = createKeyHash({ low: 3, high: 5 })
  const perPlace = new Int32Array(1_024)
  const perBit = new Int32Array(32)
  const keysCount = 1_024 * 64
  for (let at = 0; at < keysCount; at++) {
    hash.hash(`10.0.${at >> 8}.${at & 255}`)
    const place = hash.place & 1_023
    perPlace[place] = (perPlace[place] ?? 0) + 1
    for (let bit = 0; bit < 32; bit++) perBit[bit] = (perBit[bit] ?? 0) + (hash.fingerprint >>> bit & 1)
  }
  const chiSquare = perPlace.reduce((sum, count) => sum + (count - 64) ** 2 / 64, 0)
  // 1,023 degrees of freedom: six standard deviations to either side.
  t.ok(chiSquare > 750 && chiSquare < 1_300, `chi-square ${chiSquare}`)
  for (const [bit, count] of perBit.entries()) {
    t.ok(Math.abs(count - keysCount / 2) < 6 * Math.sqrt(keysCount) / 2, `bit ${bit} is set in ${count}`)
  }
})

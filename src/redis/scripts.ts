// The two scripts that the store runs, one per kind of count. Each is atomic and goes by the store's own clock.

import { createHash } from 'node:crypto'
import type { Grant, LeaseOrder } from './lease.ts'
import { bucketHoldMs } from './lease.ts'

/**
 * Grants what is needed as far as it is there, nothing where that is of no use, and of the rest at most a quarter
 * ahead.
 */
const share = `
local need, least, ahead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local function share(left)
  if left < least or left < 1 then return 0 end
  local grant = math.min(left, need)
  return grant + math.min(ahead, math.floor((left - grant) / 4))
end
`

/**
 * The generic cell rate algorithm, as in the node's own tables: the key holds the time, in microseconds, at which its
 * bucket will be full. Units may be used up to "hold" later than they are granted. So that no stretch of time ever
 * sees more than burst + rate x its length, a bucket that would be full before the last of them can be used counts as
 * full only from then on. Times are rounded up, to the cost of who is limited.
 *
 * A time further ahead than any grant can bring it was written before the clock was put back: the bucket counts as
 * empty then, for one burst at most.
 */
const bucketScript = `${share}
local rate, burst, hold = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local unit = 1000000 / rate
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local whole = math.ceil(burst * unit)
if full > now + whole + hold then full = now + whole end
local left = math.max(0, math.floor(burst - (full - now) / unit))
local grant = share(left)
if grant > 0 then
  full = math.max(full, now + hold) + math.ceil(grant * unit)
  local lastMs = math.ceil((full - now) / 1000) + 1000
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', string.format('%.0f', lastMs))
  left = math.max(0, math.floor(burst - (full - now) / unit))
end
local wait = 0
if grant < need then wait = math.max(1, math.ceil(((full - now) - (burst - least) * unit) / 1000)) end
return {grant, left, wait, hold / 1000}
`

/**
 * The key holds "window sum". A sum of the window after the present one goes on, so that a clock which is put back a
 * little over the full hour gives nobody a second quota; units end with the window of which they are.
 */
const windowScript = `${share}
local most, length = tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, sum = math.floor(now / length), 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local keptWindow, keptSum = string.match(kept, '^(%d+) (%d+)$')
  keptWindow = tonumber(keptWindow)
  if keptWindow == window or keptWindow == window + 1 then
    window, sum = keptWindow, tonumber(keptSum)
  end
end
local rest = (window + 1) * length - now
local left = math.max(0, most - sum)
local grant = share(left)
if grant > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', window, sum + grant), 'PX', rest + 60000)
end
local wait = 0
if grant < need then wait = rest end
return {grant, left - grant, wait, rest}
`

const windowLengthMs = { hour: 3_600_000, day: 86_400_000 } as const

/** A script and the name by which the store knows it once it has been loaded. */
export interface Script { readonly text: string, readonly digest: string }

function scriptOf (text: string): Script {
  return { text, digest: createHash('sha1').update(text).digest('hex') }
}

export const scripts = { bucket: scriptOf(bucketScript), window: scriptOf(windowScript) } as const

/** What a script is told, in the order in which it reads it. */
export function argumentsOf ({ settings, needUnits, leastUnits, aheadUnits }: LeaseOrder): string[] {
  const common = [needUnits, leastUnits, aheadUnits]
  const own = settings.kind === 'bucket'
    ? [settings.unitsPerSecondMax, settings.burstUnits, Math.round(bucketHoldMs(settings) * 1e3)]
    : [settings.unitsMax, windowLengthMs[settings.window]]
  return [...common, ...own].map(String)
}

/** Throws where the answer is none of these scripts'. */
export function grantOf (reply: unknown): Grant {
  if (!Array.isArray(reply) || reply.length !== 4 || !reply.every(Number.isFinite)) {
    throw new Error('the store answered something else than a lease')
  }
  const [units, leftUnits, waitMs, holdMs] = reply as [number, number, number, number]
  return { units, leftUnits, waitMs, holdMs }
}

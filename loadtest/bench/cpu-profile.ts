// A V8 CPU profile as a short list: which functions used the time themselves.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The part of a .cpuprofile file that is read. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string, readonly url: string, readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface SelfTime { readonly place: string, readonly microseconds: number }

/** Self time by function, most first. Time in which the program was idle is not in it. */
export function selfTimes ({ nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const places = new Map(nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
    const name = functionName === '' ? '(anonymous)' : functionName
    const file = url.replace(/^.*\/node_modules\//, '').replace(/^file:\/\/.*?\/(src|protocols|plugins)\//, '$1/')
    return [id, url === '' ? name : `${name} ${file}:${lineNumber + 1}`]
  }))
  const sums = new Map<string, number>()
  for (const [at, id] of samples.entries()) {
    const place = places.get(id) ?? '(unknown)'
    if (place !== '(idle)') sums.set(place, (sums.get(place) ?? 0) + (timeDeltas[at] ?? 0))
  }
  return [...sums].map(([place, microseconds]) => ({ place, microseconds }))
    .sort((one, other) => other.microseconds - one.microseconds)
}

/** The longest profile of a folder as lines: share of the busy time, function, place. */
export function readProfile (folder: string, count = 40): string {
  const paths = readdirSync(folder).filter(name => name.endsWith('.cpuprofile')).map(name => join(folder, name))
  let longest: CpuProfile | undefined
  for (const path of paths) {
    const profile = JSON.parse(readFileSync(path, 'utf8')) as CpuProfile
    if (longest === undefined || profile.samples.length > longest.samples.length) longest = profile
  }
  if (longest === undefined) return 'there is no profile'
  const times = selfTimes(longest)
  const total = times.reduce((sum, { microseconds }) => sum + microseconds, 0)
  return times.slice(0, count)
    .map(({ place, microseconds }) => `${(microseconds * 100 / total).toFixed(1).padStart(5)}%  ${place}`).join('\n')
}

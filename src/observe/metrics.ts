// The metrics of one thread: gathers what its rooms count, the levels they show, and its own event loop and memory.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Measure } from '../contract/sink.ts'
import { family, mergeSnapshots, prefix } from './metric.ts'
import type { Family, Merge, Sample, Snapshot } from './metric.ts'

/** Levels and counts by metric name without prefix, as sinks and adapters show them. */
type Gauges = ReadonlyMap<string, () => number>
type Labels = Readonly<Record<string, string>>

export interface Metrics {
  /** Asks `read` at every collection. */
  add (read: () => readonly Family[]): void
  /**
   * Shows a room's gauges under these labels. A name that ends in `_total` is a counter. Levels of several workers are
   * summed, but those that end in `_ratio` or `_age_seconds` show the highest.
   */
  addGauges (gauges: Gauges, labels?: Labels): void
  /** Shows what has labels of its own; names are as those of gauges. */
  addMeasures (measures: () => Iterable<Measure>): void
  /** Everything as plain data that structured clone keeps. A gauge that throws is left out. */
  collect (): Snapshot
}

export function createMetrics (): Metrics {
  const sources: (() => readonly Family[])[] = []
  return {
    add (read) { sources.push(read) },
    addGauges (gauges, labels = {}) { sources.push(() => readGauges(gauges, labels)) },
    addMeasures (measures) { sources.push(() => readMeasures(measures())) },
    collect: () => mergeSnapshots(sources.map(read => {
      try { return read() } catch { return [] }
    }))
  }
}

function readGauges (gauges: Gauges, labels: Labels): Family[] {
  return [...gauges].flatMap(([name, read]) => {
    try {
      return family(headOf(name), [{ labels, value: read() }])
    } catch {
      return []
    }
  })
}

function readMeasures (measures: Iterable<Measure>): Family[] {
  const byName = Map.groupBy(measures, ({ name }) => name)
  return [...byName].map(([name, samples]) => family(headOf(name), samples))
}

function headOf (name: string): { name: string, help: string, kind: 'counter' | 'gauge', merge: Merge } {
  return {
    name: `${prefix}${name}`, help: `${sentence(name)}.`, kind: name.endsWith('_total') ? 'counter' : 'gauge',
    merge: /_(ratio|age_seconds)$/.test(name) ? 'max' : 'sum'
  }
}

function sentence (name: string): string {
  const words = name.replace(/_total$/, '').replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** One entry of the config that decides. */
interface Place { readonly name: string, readonly place: string }

/** Counts of policy decisions, by entry of the config; one that is not listed is not counted: labels stay bounded. */
export interface DecisionCounters {
  decided (policy: Place, decision: string): void
  families (): Family[]
}

/** What is always shown; other decisions from the first one on, which keeps a large config's metrics short. */
const alwaysShown: readonly string[] = ['pass', 'refuse']

export function createDecisionCounters (policies: readonly Place[], decisions: readonly string[]): DecisionCounters {
  const rows = new Map(policies.map(policy => {
    const counts: Record<string, number> = Object.fromEntries(decisions.map(decision => [decision, 0]))
    return [policy.place, { policy, counts }]
  }))
  return {
    decided ({ place }, decision) {
      const counts = rows.get(place)?.counts
      if (counts !== undefined) counts[decision] = (counts[decision] ?? 0) + 1
    },
    families: () => [family(
      { name: `${prefix}policy_decisions_total`, help: 'Decisions of policies, by their place in the config.', kind: 'counter' },
      [...rows.values()].flatMap(({ policy: { name, place }, counts }) => Object.entries(counts)
        .filter(([decision, value]) => value > 0 || alwaysShown.includes(decision))
        .map(([decision, value]): Sample => ({ labels: { policy: name, decision, place }, value }))))]
  }
}

/** The thread it is called in: event loop delay since the last collection, heap. `stop` ends the measuring. */
export function measureThread (): { families: () => Family[], stop: () => void } {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  return {
    stop: () => { delay.disable() },
    families () {
      // Nothing measured yet reads as a huge number or NaN.
      const p99Seconds = delay.count === 0 ? 0 : delay.percentile(99) / 1e9
      delay.reset()
      return [
        family({
          name: `${prefix}event_loop_delay_p99_seconds`, kind: 'gauge', merge: 'max',
          help: 'Delay of the event loop, 99th percentile since the last scrape, of the slowest worker.'
        }, [{ labels: {}, value: p99Seconds }]),
        family({ name: `${prefix}heap_used_bytes`, kind: 'gauge', help: 'JavaScript heap in use in all workers.' },
          [{ labels: {}, value: process.memoryUsage().heapUsed }])
      ]
    }
  }
}

/** The process, to be told once per node, by the supervisor. `configHash` names the configuration in force. */
export function processFamilies (about: { version: string, configHash: string }): Family[] {
  const { user, system } = process.cpuUsage()
  const one = (value: number, labels: Labels = {}): Sample[] => [{ labels, value }]
  return [
    family({ name: 'process_cpu_seconds_total', help: 'User and system CPU time.', kind: 'counter' },
      one((user + system) / 1e6)),
    family({ name: 'process_resident_memory_bytes', help: 'Resident memory.', kind: 'gauge' },
      one(process.memoryUsage.rss())),
    family({ name: 'process_start_time_seconds', help: 'Start of the process, since the epoch.', kind: 'gauge' },
      one(Math.round(Date.now() / 1000 - process.uptime()))),
    family({ name: `${prefix}build_info`, help: 'What is running; always 1.', kind: 'gauge', merge: 'max' },
      one(1, { version: about.version, node: process.versions.node })),
    family({ name: `${prefix}config_info`, help: 'The configuration in force; always 1.', kind: 'gauge', merge: 'max' },
      one(1, { hash: about.configHash }))
  ]
}

// Metrics as plain data: what a worker hands to the supervisor, how workers are summed, and Prometheus text of it.

/** How samples of the same labels from several workers become one. */
export type Merge = 'sum' | 'max'

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  /** The number; of a histogram the sum of everything observed. */
  readonly value: number
  /** Of a histogram only: how many fell into each bucket, not cumulative; one more than there are bounds. */
  readonly counts?: readonly number[]
}

/** All samples of one metric. Structured clone keeps it as it is. */
export interface Family {
  /** With its prefix, in base units, `_total` last where it only grows. */
  readonly name: string
  readonly help: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly merge: Merge
  /** Upper bounds of the buckets of a histogram, ascending, without +Inf; otherwise empty. */
  readonly bounds: readonly number[]
  readonly samples: readonly Sample[]
}

export type Snapshot = readonly Family[]

export const prefix = 'sluice_'

/** One family of one kind; `samples` are pairs of labels and value. */
export function family (
  head: { name: string, help: string, kind: 'counter' | 'gauge', merge?: Merge },
  samples: readonly Sample[]
): Family {
  return { merge: 'sum', bounds: [], ...head, samples }
}

/**
 * One snapshot of many. Pass what workers that are gone left behind (`departed`) among them, so that no sum goes down.
 * Where two disagree about what a metric is, the first is right and the other is left out: that cannot happen between
 * workers of one version.
 */
export function mergeSnapshots (snapshots: readonly Snapshot[]): Snapshot {
  const families = new Map<string, { head: Family, samples: Map<string, Sample> }>()
  for (const one of snapshots.flat()) {
    let merged = families.get(one.name)
    if (merged === undefined) families.set(one.name, merged = { head: one, samples: new Map() })
    if (merged.head.kind !== one.kind || merged.head.bounds.length !== one.bounds.length) continue
    for (const sample of one.samples) {
      const key = JSON.stringify(Object.entries(sample.labels).sort(([a], [b]) => a < b ? -1 : 1))
      const known = merged.samples.get(key)
      merged.samples.set(key, known === undefined ? sample : combine(known, sample, merged.head.merge))
    }
  }
  return [...families.values()].map(({ head, samples }) => ({ ...head, samples: [...samples.values()] }))
}

function combine (one: Sample, other: Sample, merge: Merge): Sample {
  const { labels, counts } = one
  const value = merge === 'max' ? Math.max(one.value, other.value) : one.value + other.value
  return counts === undefined
    ? { labels, value }
    : { labels, value, counts: counts.map((count, at) => count + (other.counts?.[at] ?? 0)) }
}

/** What must be kept of a worker that is gone: all that only grows. Its levels are gone with it. */
export function departed (snapshot: Snapshot): Snapshot {
  return snapshot.filter(({ kind }) => kind !== 'gauge')
}

/** Prometheus text exposition format 0.0.4. */
export const prometheusType = 'text/plain; version=0.0.4; charset=utf-8'

export function renderPrometheus (snapshot: Snapshot): string {
  const lines: string[] = []
  for (const { name, help, kind, bounds, samples } of snapshot) {
    if (samples.length === 0) continue
    lines.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`, `# TYPE ${name} ${kind}`)
    for (const sample of samples) {
      if (kind === 'histogram') renderHistogram(lines, name, bounds, sample)
      else lines.push(`${name}${renderLabels(sample.labels)} ${renderNumber(sample.value)}`)
    }
  }
  return lines.length === 0 ? '' : lines.join('\n') + '\n'
}

function renderHistogram (lines: string[], name: string, bounds: readonly number[], sample: Sample): void {
  const { labels, value, counts = [] } = sample
  let cumulated = 0
  for (const [at, count] of counts.entries()) {
    cumulated += count
    lines.push(`${name}_bucket${renderLabels({ ...labels, le: renderNumber(bounds[at] ?? Infinity) })} ${cumulated}`)
  }
  lines.push(`${name}_sum${renderLabels(labels)} ${renderNumber(value)}`)
  lines.push(`${name}_count${renderLabels(labels)} ${cumulated}`)
}

function renderLabels (labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) =>
    `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function renderNumber (value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return `${value}`
}

// Looks into a document that may be wrong anywhere: what is missing or of another type is simply not there.

import { isRecord } from './json-schema.ts'
import type { Path } from './mistake.ts'

/** What stands at the path; undefined where a step leads nowhere. */
export function at (value: unknown, ...path: Path): unknown {
  let here = value
  for (const step of path) {
    if (Array.isArray(here) && typeof step === 'number') here = here[step]
    else if (isRecord(here) && typeof step === 'string' && Object.hasOwn(here, step)) here = here[step]
    else return undefined
  }
  return here
}

export function textAt (value: unknown, ...path: Path): string | undefined {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : undefined
}

export function numberAt (value: unknown, ...path: Path): number | undefined {
  const found = at(value, ...path)
  return typeof found === 'number' ? found : undefined
}

export function listAt (value: unknown, ...path: Path): readonly unknown[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

export function recordAt (value: unknown, ...path: Path): Readonly<Record<string, unknown>> {
  const found = at(value, ...path)
  return isRecord(found) ? found : {}
}

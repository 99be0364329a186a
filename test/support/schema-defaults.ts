// The settings that a schema gives when an operator writes none: its defaults, with byte sizes as numbers.

import { bytesKeyword } from '../../src/contract/setting.ts'

const unitBytes: Readonly<Record<string, number>> = { '': 1, B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 }

interface Schema { readonly properties?: Readonly<Record<string, { readonly default?: unknown }>> }

/** Reads the defaults of an object schema's properties. */
export function defaultsOf (schema: object): Record<string, unknown> {
  const { properties = {} } = schema as Schema
  return Object.fromEntries(Object.entries(properties).map(([name, property]) => {
    const value = property.default
    return [name, bytesKeyword in property && typeof value === 'string' ? bytesOf(value) : value]
  }))
}

function bytesOf (text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(\w*)$/.exec(text) ?? []
  return Number(digits) * (unitBytes[unit] ?? NaN)
}

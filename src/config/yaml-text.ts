// Turns YAML text into plain values and remembers where each one stands. Bounded in size, depth and number of nodes.

import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Alias, Document, Node, Pair, Scalar, YAMLMap } from 'yaml'
import { quote, showPath } from './mistake.ts'
import type { Mistake, Path } from './mistake.ts'

/** Cap of a config file, in bytes. */
export const configBytesMax = 1024 * 1024
/** Cap of nesting, of nodes after aliases are followed, and of aliases followed. */
const depthMax = 32
const nodesMax = 200_000
const aliasesMax = 50

export interface Position { readonly line: number, readonly column: number }

export interface YamlText {
  readonly value: unknown
  /** Syntax mistakes. The value is what could be read, for more mistakes to be found. */
  readonly mistakes: readonly Mistake[]
  /** False: the structure itself is in doubt, so that what the value lacks means nothing. */
  readonly sound: boolean
  /** Where the key or list item at `path` starts; where it is absent, its nearest parent. */
  positionOf (path: Path): Position
}

// The library's own messages may hold text of the file; these do not.
const syntaxTexts: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key stands here a second time',
  TAB_AS_INDENT: 'a tab as indentation; YAML takes spaces',
  BAD_INDENT: 'wrong indentation, or a bracket that is not closed',
  MISSING_CHAR: 'a character is missing: a closing quote or bracket, a comma, a colon or a space',
  BAD_DQ_ESCAPE: 'an unknown escape in a double-quoted text',
  BAD_SCALAR_START: 'text that starts with a reserved character must be quoted',
  BLOCK_AS_IMPLICIT_KEY: 'two keys on one line, or text with ": " that needs quotes',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line',
  MULTIPLE_DOCS: 'a second document; the config is one document',
  TAG_RESOLVE_FAILED: 'a tag that is not known here',
  BAD_ALIAS: 'an alias that cannot be followed'
}

// After these the rest can still be judged.
const harmless: ReadonlySet<string> = new Set(['DUPLICATE_KEY', 'TAG_RESOLVE_FAILED', 'BAD_DQ_ESCAPE'])

/** Steps joined by a character that no readable path holds. */
function pathKey (path: Path): string { return path.join('\0') }

/** Reads the text. Never throws for what stands in it. */
export function readYaml (text: string): YamlText {
  const reader = new Reader(text)
  const value = Buffer.byteLength(text) > configBytesMax ? reader.refuse(`more than ${configBytesMax} bytes`) : reader.read()
  return { value, mistakes: reader.mistakes, sound: reader.sound, positionOf: (path) => reader.positionOf(path) }
}

class Reader {
  readonly mistakes: Mistake[] = []
  sound = true
  readonly #text: string
  readonly #lines = new LineCounter()
  readonly #offsets = new Map<string, number>()
  #document: Document | undefined
  #nodeCount = 0
  #aliasCount = 0

  constructor (text: string) { this.#text = text }

  refuse (problem: string): undefined {
    this.#mistake([], 0, `the file has ${problem}`)
    return undefined
  }

  positionOf (path: Path): Position {
    for (let length = path.length; length >= 0; length--) {
      const offset = this.#offsets.get(pathKey(path.slice(0, length)))
      if (offset !== undefined) return this.#position(offset)
    }
    return { line: 1, column: 1 }
  }

  read (): unknown {
    const document = parseDocument(this.#text, {
      lineCounter: this.#lines, prettyErrors: false, strict: true, uniqueKeys: true, merge: false, schema: 'core',
      version: '1.2', logLevel: 'error'
    })
    this.#document = document
    const seen = new Set<number>()
    for (const fault of [...document.errors, ...document.warnings]) {
      const offset = fault.pos[0]
      if (seen.has(offset)) continue // One slip often makes several faults at one place.
      seen.add(offset)
      if (!harmless.has(fault.code)) this.sound = false
      this.#mistake([], offset, syntaxTexts[fault.code] ?? 'this is not YAML')
    }
    if (document.contents === null) return undefined
    try {
      return this.#convert(document.contents as Node, [], 0)
    } catch (error) {
      if (!(error instanceof TooMuch)) throw error
      return undefined
    }
  }

  #position (offset: number): Position {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  #mistake (path: Path, offset: number, problem: string): void {
    const { line, column } = this.#position(offset)
    this.mistakes.push({ path: showPath(path), line, column, problem, expected: '', suggestion: undefined, help: '' })
  }

  #tooMuch (path: Path, offset: number, problem: string): never {
    this.#mistake(path, offset, problem)
    this.sound = false
    throw new TooMuch()
  }

  #convert (node: Node | null, path: Path, depth: number): unknown {
    const offset = node?.range?.[0] ?? 0
    this.#nodeCount++
    if (this.#nodeCount > nodesMax) this.#tooMuch(path, offset, `more than ${nodesMax} values`)
    if (depth > depthMax) this.#tooMuch(path, offset, `nested more than ${depthMax} deep, or an alias inside its own anchor`)
    if (node !== null && !this.#offsets.has(pathKey(path))) this.#offsets.set(pathKey(path), offset)
    if (isAlias(node)) return this.#follow(node, path, depth)
    if (isMap(node)) return this.#convertMap(node, path, depth)
    if (isSeq(node)) return node.items.map((item, index) => this.#convert(item as Node, [...path, index], depth + 1))
    return isScalar(node) ? this.#scalar(node, path, offset) : null
  }

  #follow (alias: Alias, path: Path, depth: number): unknown {
    const offset = alias.range?.[0] ?? 0
    const target = this.#document === undefined ? undefined : alias.resolve(this.#document)
    if (target === undefined) {
      this.#mistake(path, offset, 'an alias without its anchor; a text that starts with "*" must be quoted')
      return null
    }
    if (++this.#aliasCount > aliasesMax) this.#tooMuch(path, offset, `more than ${aliasesMax} aliases`)
    return this.#convert(target, path, depth + 1)
  }

  #scalar (node: Scalar, path: Path, offset: number): unknown {
    const { value } = node
    if (typeof value === 'number' && !Number.isFinite(value)) {
      this.#mistake(path, offset, 'not a finite number')
      return null
    }
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value
    this.#mistake(path, offset, 'a value of a kind that a config cannot hold')
    return null
  }

  #convertMap (map: YAMLMap, path: Path, depth: number): Record<string, unknown> {
    const record: Record<string, unknown> = {}
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const offset = pair.key?.range?.[0] ?? 0
      const key = this.#key(pair.key, path, offset)
      if (key === undefined) continue
      this.#offsets.set(pathKey([...path, key]), offset)
      record[key] = this.#convert(pair.value, [...path, key], depth + 1)
    }
    return record
  }

  /** A key as text; undefined after a mistake. Names that JavaScript treats apart are refused. */
  #key (node: Node | null, path: Path, offset: number): string | undefined {
    const value = isScalar(node) ? node.value : undefined
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      this.#mistake(path, offset, 'a key that is not plain text')
      return undefined
    }
    const key = isScalar(node) && typeof value !== 'string' ? node.source ?? String(value) : String(value)
    if (['__proto__', 'constructor', 'prototype'].includes(key)) {
      this.#mistake(path, offset, `the key ${quote(key)} is not allowed`)
      return undefined
    }
    return key
  }
}

class TooMuch extends Error {}

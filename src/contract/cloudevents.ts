// The rules of the CloudEvents 1.0 context attributes, the same for every binding: set one by one, then finish.

import { noExtensions } from './envelope.ts'
import type { Context, ExtensionValue } from './envelope.ts'
import { refuse } from './outcome.ts'
import type { Refusal } from './outcome.ts'
import { isRfc3339 } from './rfc3339.ts'
import { isUri, isUriReference } from './uri.ts'

/** The version of CloudEvents that is spoken. */
export const specVersion = '1.0'

/** An event's context while it is read. Texts that must be there and are not yet are ''. */
export interface ContextDraft {
  id: string
  source: string
  type: string
  specversion: string
  subject: string | undefined
  time: string | undefined
  datacontenttype: string | undefined
  dataschema: string | undefined
  extensions: Map<string, ExtensionValue> | undefined
}

export function newDraft (): ContextDraft {
  return {
    id: '',
    source: '',
    type: '',
    specversion: '',
    subject: undefined,
    time: undefined,
    datacontenttype: undefined,
    dataschema: undefined,
    extensions: undefined
  }
}

const nameShownLengthMax = 64

/** A refusal `invalid-event` about one attribute; the pointer names it as a member of the JSON form. */
export function refuseAttribute (name: string, what: string): Refusal {
  const shown = name.length > nameShownLengthMax ? `${name.slice(0, nameShownLengthMax)}...` : name
  const pointer = `/${name.slice(0, nameShownLengthMax).replaceAll('~', '~0').replaceAll('/', '~1')}`
  return refuse('invalid-event', `the attribute ${JSON.stringify(shown)} ${what}`, { pointer })
}

/** Names are `[a-z0-9]+` (spec "Naming Conventions"), never `data`; more than the advised 20 characters are legal. */
function nameMistake (name: string): string | undefined {
  let fine = name !== ''
  for (let i = 0; i < name.length && fine; i++) {
    const code = name.charCodeAt(i)
    fine = (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39)
  }
  if (!fine) return 'has a name that CloudEvents does not allow; use lower-case letters a-z and digits only'
  return name === 'data' ? 'may not be called data; give the extension another name' : undefined
}

/** Characters outside the String type (spec "Type System"): controls, noncharacters, surrogates without their pair. */
function characterMistake (text: string): string | undefined {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x20 && code < 0x7f) continue
    if (code < 0x20 || code <= 0x9f) return 'holds a control character, which CloudEvents does not allow; leave it out'
    if (code < 0xd800) continue
    const point = text.codePointAt(i) ?? 0
    if (point <= 0xdfff) return 'holds half of a surrogate pair; send valid Unicode text'
    if ((point & 0xfffe) === 0xfffe || (point >= 0xfdd0 && point <= 0xfdef)) {
      return 'holds a Unicode noncharacter, which CloudEvents does not allow; leave it out'
    }
    if (point > 0xffff) i++
  }
  return undefined
}

/** Longest text whose syntax is looked at; a whole event that every intermediary must forward is no longer. */
const syntaxLengthMax = 65_536
const token = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
const contentTypeSyntax = new RegExp(
  `^${token}/${token}(?:[ \\t]*;(?:[ \\t]*${token}=(?:${token}|"(?:[^"\\\\]|\\\\.)*"))?)*[ \\t]*$`
)

/** What the rules of one attribute find wrong with its text; extensions have none beyond those of every string. */
function syntaxMistake (name: string, text: string): string | undefined {
  if (text.length > syntaxLengthMax && name !== 'id' && name !== 'type' && name !== 'subject') {
    return `is longer than ${syntaxLengthMax} characters; shorten it`
  }
  switch (name) {
    case 'id': case 'type': case 'subject': return undefined
    case 'specversion': return text === specVersion ? undefined : `must be "${specVersion}", the version spoken here`
    case 'source':
      return isUriReference(text) ? undefined : 'must be a URI reference (RFC 3986); percent-encode other characters'
    case 'dataschema': return isUri(text) ? undefined : 'must be an absolute URI, such as https://example.com/order.json'
    case 'time': return isRfc3339(text) ? undefined : 'must be an RFC 3339 time, such as 2026-01-31T09:30:00Z'
    case 'datacontenttype':
      return text === 'application/json' || contentTypeSyntax.test(text)
        ? undefined
        : 'must be a media type, such as application/json'
    default: return undefined
  }
}

/** The text of a core attribute, '' where it is not set yet; null for the name of an extension. */
function coreAttribute (draft: ContextDraft, name: string): string | null {
  switch (name) {
    case 'id': return draft.id
    case 'source': return draft.source
    case 'type': return draft.type
    case 'specversion': return draft.specversion
    case 'subject': return draft.subject ?? ''
    case 'time': return draft.time ?? ''
    case 'datacontenttype': return draft.datacontenttype ?? ''
    case 'dataschema': return draft.dataschema ?? ''
    default: return null
  }
}

const repeated = 'is given more than once; send it once'

/** The extension that names the policies which failed to judge an event (`onError: mark`). Only the gateway sets it. */
export const unjudgedName = 'unjudgedby'

function setExtension (draft: ContextDraft, name: string, value: ExtensionValue): Refusal | undefined {
  // Taken from a sender it would say that a policy had failed, or hide that one did.
  if (name === unjudgedName) return refuseAttribute(name, 'is set by the gateway only; leave it out')
  if (typeof value === 'number' && value !== (value | 0)) {
    return refuseAttribute(name, 'must be an integer of 32 bits with sign; send other numbers as text')
  }
  draft.extensions ??= new Map()
  if (draft.extensions.has(name)) return refuseAttribute(name, repeated)
  // -0 and 0 are one integer.
  draft.extensions.set(name, value === 0 ? 0 : value)
  return undefined
}

/**
 * Sets one attribute by the rules of CloudEvents 1.0, or refuses it as `invalid-event` with the pointer `/name`. The
 * time is kept as text. An attribute that the sender left unset (JSON null) must not be passed.
 */
export function setAttribute (
  draft: ContextDraft, name: string, value: string | number | boolean
): Refusal | undefined {
  if (typeof value === 'string') {
    const mistake = characterMistake(value)
    if (mistake !== undefined) return refuseAttribute(name, mistake)
  }
  return setPrintable(draft, name, value)
}

/** `setAttribute` for text that is known to be printable ASCII: its characters are not looked at again. */
export function setPrintable (
  draft: ContextDraft, name: string, value: string | number | boolean
): Refusal | undefined {
  const standing = coreAttribute(draft, name)
  if (standing === null) {
    const mistake = nameMistake(name)
    return mistake === undefined ? setExtension(draft, name, value) : refuseAttribute(name, mistake)
  }
  if (typeof value !== 'string') return refuseAttribute(name, 'must be a string')
  if (value === '') return refuseAttribute(name, 'is empty; give it a value')
  const mistake = syntaxMistake(name, value)
  if (mistake !== undefined) return refuseAttribute(name, mistake)
  if (standing !== '') return refuseAttribute(name, repeated)
  switch (name) {
    case 'id': draft.id = value; break
    case 'source': draft.source = value; break
    case 'type': draft.type = value; break
    case 'specversion': draft.specversion = value; break
    case 'subject': draft.subject = value; break
    case 'time': draft.time = value; break
    case 'datacontenttype': draft.datacontenttype = value; break
    default: draft.dataschema = value
  }
  return undefined
}

/** The context, or a refusal that names the first required attribute that is missing. Nothing is ever invented. */
export function finishContext (draft: ContextDraft): Context | Refusal {
  const { id, source, type, subject, time, datacontenttype, dataschema } = draft
  if (id === '' || source === '' || type === '' || draft.specversion === '') {
    const name = draft.specversion === '' ? 'specversion' : id === '' ? 'id' : source === '' ? 'source' : 'type'
    return refuseAttribute(name, 'is missing; a CloudEvent has specversion, id, source and type')
  }
  return {
    id, source, type, subject, time, datacontenttype, dataschema, extensions: draft.extensions ?? noExtensions
  }
}

const printable = /^[\x20-\x7e]*$/

/**
 * An attribute's text from its header in the HTTP binary mode (HTTP binding 3.1.3.2): unquoted once, percent-decoded
 * once. Refusal `malformed` for an open quote, broken percent-encoding, invalid UTF-8 and characters that had to be
 * encoded.
 */
export function decodeHeaderValue (text: string): string | Refusal {
  if (!printable.test(text)) {
    return refuse('malformed', 'an attribute header holds characters outside printable ASCII; percent-encode them as UTF-8')
  }
  let plain = text
  if (text.charCodeAt(0) === 0x22) {
    if (!/^"(?:[^"\\]|\\.)*"$/.test(text)) return refuse('malformed', 'an attribute header has a quote that does not end')
    plain = text.slice(1, -1).replaceAll(/\\(.)/g, '$1')
  }
  if (!plain.includes('%')) return plain
  try {
    return decodeURIComponent(plain)
  } catch {
    return refuse('malformed', 'an attribute header is not valid percent-encoded UTF-8; write % as %25')
  }
}

import { fileURLToPath } from 'node:url'

/** Plugins that ship with a product under test. */
export const PLUGIN_FIXTURES = fileURLToPath(new URL('.', import.meta.url))

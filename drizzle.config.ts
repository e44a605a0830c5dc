import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: './backend/app/*/model/*.model.ts',
  out: './drizzle',
})

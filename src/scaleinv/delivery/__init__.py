"""Brings documents to where the ERP takes them, each once, and fetches its answers: folder, SFTP, HTTP."""

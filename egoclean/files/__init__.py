"""The verbs on plain files: what each reads and writes outside a project, as the contracts say."""

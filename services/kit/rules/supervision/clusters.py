"""Reads rules/clusters: when similar cases at a place are a candidate, and how an effect is measured."""

from __future__ import annotations

from casework.supervision.prevention.cluster import ClusterRule, EffectRule
from services.kit.rules.folder import RulesFolder
from services.kit.rules.supervision.models import ClustersFile

FILE = "clusters/clusters.yaml"


def read_clusters(folder: RulesFolder) -> ClusterRule | None:
    """Return the rule, or None with problems."""
    document = folder.document(FILE)
    content = document.validate(ClustersFile, folder.problems) if document else None
    if content is None:
        return None
    told = content.model_dump()
    return ClusterRule(**{**told, "effect": EffectRule(**told["effect"])})

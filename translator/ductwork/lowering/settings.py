"""What a call of the compiler says for all DAGs at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ductwork import ir
from ductwork.deployment import resolution
from ductwork.diagnostics import Diagnostics, Origin


@dataclass(frozen=True)
class Settings:
    """What holds for all DAGs of a call: deployment values, and how they are to be compiled.

    :param common: the deployment values of the command line and of ``[ductwork]``, which those of a task precede
    :param broken: there are errors among them
    :param pools: how many slots each of Airflow's pools has
    :param queues: by Airflow's queues: Batch's job queues
    """

    common: ir.Deployment
    broken: bool
    restartable: bool
    pools: Mapping[str, int]
    queues: Mapping[str, str]
    max_map_length: int
    unattended: bool

    @classmethod
    def read(
        cls,
        deployment: Mapping[str, object],
        diagnostics: Diagnostics,
        *,
        restartable: bool,
        unattended: bool,
        fallback: Mapping[str, object],
    ) -> Settings:
        """Read what the command line and ``[ductwork]`` of airflow.cfg say; what is wrong there is reported.

        :param deployment: of the command line, by field name
        :param fallback: likewise, where neither says anything
        """
        from ductwork.frontend.settings import configured, max_map_length

        findings = Diagnostics()
        flags = resolution.Reader(Origin("command line"), findings).values(deployment)
        reader, section = resolution.Reader(Origin("airflow.cfg [ductwork]"), findings), configured()
        pools, queues = reader.pools(section.pop("pools", "")), reader.queues(section.pop("queues", ""))
        conf = reader.values(section)
        otherwise = resolution.Reader(Origin("target"), findings).values(fallback)
        diagnostics.extend(findings)
        common = resolution.merge(flags, conf, otherwise, resolution.SUBSTITUTED)
        return cls(common, findings.failed, restartable, pools, queues, max_map_length(), unattended)

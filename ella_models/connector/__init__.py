"""Connectors: text features, and for most of them a timestep → the U-Net's text condition."""

from ella_models.connector.config import CONNECTOR_KINDS, CONNECTOR_PRESETS, ConnectorConfig, ConnectorKind
from ella_models.connector.model import EllaConnector

__all__ = ["CONNECTOR_KINDS", "CONNECTOR_PRESETS", "ConnectorConfig", "ConnectorKind", "EllaConnector"]

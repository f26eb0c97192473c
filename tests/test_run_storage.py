"""A disk and every kind of store do what every place of run folders does."""

from __future__ import annotations

import pytest
from run_storage_contract import RunStorageContract

from promptad_db.storage import folder_at


class TestRunOnDisk(RunStorageContract):
    @pytest.fixture
    def root(self, tmp_path):
        (tmp_path / "runs").mkdir()
        return tmp_path / "runs"


class TestRunOnS3(RunStorageContract):
    @pytest.fixture
    def root(self, s3_store):
        return folder_at(f"{s3_store}/runs")


@pytest.mark.slow
class TestRunOnGoogleCloudStorage(RunStorageContract):
    @pytest.fixture
    def root(self, gs_store):
        return folder_at(f"{gs_store}/runs")


@pytest.mark.slow
class TestRunOnSftp(RunStorageContract):
    @pytest.fixture
    def root(self, sftp_store):
        return folder_at(f"{sftp_store}/runs")
